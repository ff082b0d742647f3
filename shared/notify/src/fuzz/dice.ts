import type { Random } from '@edgeplane/base';

/** Choices from a seed. */
export class Dice {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** An integer from 0 to below `below`. */
  below(below: number): number {
    return Math.floor(this.#random.next() * below);
  }

  /** True so many times in a hundred. */
  chance(percent: number): boolean {
    return this.#random.next() * 100 < percent;
  }

  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.below(choices.length)] ?? choices[0];
  }

  /** From 0 to `most` of something. */
  some<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.below(most + 1) }, make);
  }

  bytes(most: number): Buffer {
    return Buffer.from(this.some(most, () => this.below(256)));
  }

  text(most: number): string {
    return this.some(most, () => this.pick(['a', 'b', '"', '\\', 'ß', '\u{1f30d}', '\0', '{', '?'])).join('');
  }
}
