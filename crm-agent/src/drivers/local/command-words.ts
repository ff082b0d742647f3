/**
 * Splits a command line into words: blanks separate, quotes and backslashes keep together as in a shell; nothing is
 * expanded.
 */
export function commandWords(text: string): readonly string[] {
  const words: string[] = [];
  const token = /"((?:[^"\\]|\\[\s\S])*)"|'([^']*)'|\\([\s\S])|([^\s"'\\]+)|(\s+)/g;
  let word: string | undefined;
  for (const [, double, single, escaped, plain, blank] of text.matchAll(token)) {
    if (blank !== undefined) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + (double?.replace(/\\(["\\$`])/g, '$1') ?? single ?? escaped ?? plain ?? '');
  }
  if (word !== undefined) words.push(word);
  return words;
}
