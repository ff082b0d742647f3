/** Letters of a reason that a peer gives which are kept and logged. */
const MOST_LETTERS = 300;

/** What a peer has to say, shortened. */
export function shortened(text: string): string {
  return text.length <= MOST_LETTERS ? text : `${text.slice(0, MOST_LETTERS)}...`;
}
