import type { Fingerprint } from './digest.js';

const FEWEST = 16;
const MOST = 4096;
/** Objects per bucket that are aimed at. */
const PER_BUCKET = 8;

/** Into how many buckets a set of this size is divided: a power of two. */
export function bucketCount(objects: number): number {
  let count = FEWEST;
  while (count < MOST && count * PER_BUCKET < objects) count *= 2;
  return count;
}

export function isBucketCount(count: number): boolean {
  return count >= FEWEST && count <= MOST && (count & (count - 1)) === 0;
}

/** `number`: that of the key. */
export function bucketOf(number: number, count: number): number {
  return number & (count - 1);
}

/** Per bucket the two sums of the fingerprints in it, one bucket after the other. */
export function bucketSums(
  objects: Iterable<readonly [number: number, Fingerprint]>,
  count: number,
): number[] {
  const sums = new Uint32Array(count * 2);
  for (const [number, { high, low }] of objects) {
    const at = bucketOf(number, count) * 2;
    sums[at] = (sums[at] ?? 0) + high;
    sums[at + 1] = (sums[at + 1] ?? 0) + low;
  }
  return [...sums];
}

/** Buckets in which two sets differ. */
export function differingBuckets(ours: readonly number[], theirs: readonly number[]): number[] {
  const found: number[] = [];
  for (let bucket = 0; bucket * 2 < ours.length; bucket++)
    if (ours[bucket * 2] !== theirs[bucket * 2] || ours[bucket * 2 + 1] !== theirs[bucket * 2 + 1])
      found.push(bucket);
  return found;
}
