/** What the log of nginx's master tells of a start or reload, from where it began. */
export type Outcome = { readonly state: 'done' } | { readonly state: 'refused'; readonly reason: string };

const EMERG = /\[emerg\] \d+#\d+: (.*)$/;
/** A port that is taken is tried again for some seconds before it counts. */
const TRIED_AGAIN = /^bind\(\) to /;
const WORKER = /\[notice\] \d+#\d+: start worker process \d+$/;

/** Undefined as long as neither has been said. */
export function outcomeIn(log: string): Outcome | undefined {
  let reason = '';
  // What comes after the last line's end is still being written.
  for (const line of log.split('\n').slice(0, -1)) {
    if (WORKER.test(line)) return { state: 'done' };
    const words = EMERG.exec(line)?.[1];
    if (words === undefined) continue;
    if (reason === '') reason = words;
    if (!TRIED_AGAIN.test(words)) return { state: 'refused', reason };
  }
  return undefined;
}

/** Why nginx ended, from what it printed. */
export function refusalIn(output: string): string {
  const words = output
    .split('\n')
    .flatMap((line) => /\[(?:emerg|crit)\] (?:\d+#\d+: )?(.*)$/.exec(line)?.[1] ?? []);
  return words[0] ?? (output.trim().split('\n').at(-1) || 'it does not say why');
}
