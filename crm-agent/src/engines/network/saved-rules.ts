/** One rule of iptables. */
export interface SavedRule {
  readonly table: string;
  readonly chain: string;
  /** The words after the chain's name. */
  readonly words: readonly string[];
}

/** Splits a line of iptables-save; double quotes hold a word together. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map((m) =>
    m[1] === undefined ? (m[2] ?? '') : m[1].replace(/\\(.)/g, '$1'),
  );
}

/** The rules in what `iptables-save` writes, in order. */
export function rulesOf(saved: string): SavedRule[] {
  const rules: SavedRule[] = [];
  let table = '';
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1).trim();
    if (!line.startsWith('-A ')) continue;
    const [, chain = '', ...words] = wordsOf(line);
    rules.push({ table, chain, words });
  }
  return rules;
}

export const valueAfter = (rule: SavedRule, flag: string): string | undefined => {
  const at = rule.words.indexOf(flag);
  return at < 0 ? undefined : rule.words[at + 1];
};
