import { type Fingerprint, keyNumber } from './digest.js';

/** Entries of a view by the numbers of their keys. */
export function* numbered(
  entries: Iterable<readonly [keyJson: string, Fingerprint]>,
): Iterable<readonly [number: number, Fingerprint]> {
  for (const [key, fingerprint] of entries) yield [keyNumber(key), fingerprint];
}

/** Keys of a view's entries. */
export function keysOf(entries: Iterable<readonly [keyJson: string, unknown]>): string[] {
  return Array.from(entries, ([key]) => key);
}
