import { fail } from '@edgeplane/base';
import { operationsErrors } from './errors.js';

/** A size as it came: in the first field, which is 32 bits wide by contract, and in ours. */
export interface GivenSize {
  readonly field: 'min_bytes' | 'max_bytes';
  readonly bytes: bigint;
  readonly bytes64: bigint;
}

/** The size that is meant (IsardVDI spec section A7). @throws SIZE_TOO_SMALL, SIZE_AMBIGUOUS */
export function meantSize({ field, bytes, bytes64 }: GivenSize): bigint {
  if (bytes !== 0n && bytes64 !== 0n && bytes !== bytes64)
    throw fail(operationsErrors.SIZE_AMBIGUOUS, { field, value: bytes, value64: bytes64 });
  const meant = bytes64 === 0n ? bytes : bytes64;
  if (meant <= 0n) throw fail(operationsErrors.SIZE_TOO_SMALL, { field, value: meant });
  return meant;
}

/** What a pool is just now, bytes. */
export interface PoolFigures {
  readonly size: bigint;
  readonly used: bigint;
  /** What has to stay above what is used. */
  readonly headroom: bigint;
  readonly extent: bigint;
}

/** The size after adding at least `min`: a whole number of extents. */
export function expandedSize({ size, extent }: PoolFigures, min: bigint): bigint {
  return roundUp(size + min, extent);
}

/** The size after releasing at most `max`, never below what is used and the headroom: a whole number of extents. */
export function shrunkenSize({ size, used, headroom, extent }: PoolFigures, max: bigint): bigint {
  const wanted = roundUp(size > max ? size - max : 0n, extent);
  const least = roundUp(used + headroom, extent);
  if (wanted >= size || least >= size) return size;
  if (wanted < least) return least;
  return wanted;
}

export function roundUp(bytes: bigint, extent: bigint): bigint {
  return ((bytes + extent - 1n) / extent) * extent;
}

const GIB = 1024n ** 3n;

/** 1 GiB or 5 %, whichever is more, unless the inventory says. */
export function headroomOf(configured: bigint | undefined, size: bigint): bigint {
  if (configured !== undefined) return configured;
  return larger(size / 20n, GIB);
}

export function larger(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}
