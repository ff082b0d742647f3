import type { Random } from '@edgeplane/base';

/** A number in [low, high). */
export function between(random: Random, low: number, high: number): number {
  return low + random.next() * (high - low);
}

/** One of several. @throws RangeError when there is none */
export function pick<T>(random: Random, from: readonly T[]): T {
  const one = from[Math.floor(random.next() * from.length)];
  if (one === undefined) throw new RangeError('nothing to pick from');
  return one;
}

export function happens(random: Random, probability: number): boolean {
  return random.next() < probability;
}
