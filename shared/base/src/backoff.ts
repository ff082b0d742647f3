import type { Random } from './random.js';

export interface BackoffOptions {
  /** First upper bound, milliseconds. */
  readonly base: number;
  /** Largest upper bound, milliseconds. */
  readonly max: number;
}

/**
 * Full-jitter exponential back-off: the nth delay is uniform in [0, min(max, base * 2^n)).
 * `reset` after a success.
 */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: Random;
  #attempt = 0;

  constructor(options: BackoffOptions, random: Random) {
    this.#options = options;
    this.#random = random;
  }

  get attempt(): number {
    return this.#attempt;
  }

  /** The next delay in milliseconds. */
  next(): number {
    const { base, max } = this.#options;
    const bound = Math.min(max, base * 2 ** Math.min(this.#attempt, 30));
    this.#attempt += 1;
    return this.#random.next() * bound;
  }

  reset(): void {
    this.#attempt = 0;
  }
}
