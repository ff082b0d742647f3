import { fail } from '@edgeplane/base';
import { dmeErrors } from '../errors.js';

/** Work of which only so much is done at a time; whoever comes then is told to come again. */
export class Bounded {
  readonly #limit: number;
  readonly #what: string;
  #running = 0;

  /** `what` in words, such as `token checks`. */
  constructor(limit: number, what: string) {
    this.#limit = limit;
    this.#what = what;
  }

  /** @throws EdgeplaneError OVERLOADED; what `work` throws */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limit)
      throw fail(dmeErrors.OVERLOADED, { what: this.#what, limit: this.#limit });
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
    }
  }
}
