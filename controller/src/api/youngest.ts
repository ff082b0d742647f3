/** Of two samples of one object the one that was received last; controllers' clocks do not matter. */
export function youngest<T extends { readonly ageMs: bigint }>(one: T, other: T): T {
  return other.ageMs < one.ageMs ? other : one;
}
