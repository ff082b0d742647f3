import type { BusEvent } from './bus.js';

const MOST_SUBJECTS = 100_000;

/**
 * Lets an event pass unless one of the same subject and the same or a greater order has passed. Of the subjects that
 * have been silent longest it forgets, beyond 100,000.
 */
export class Ascending {
  readonly #last = new Map<string, number>();

  passes({ subject, order }: BusEvent): boolean {
    if (order === undefined) return true;
    const last = this.#last.get(subject);
    if (last !== undefined && order <= last) return false;
    this.#last.delete(subject);
    this.#last.set(subject, order);
    if (this.#last.size > MOST_SUBJECTS) {
      const [oldest] = this.#last.keys();
      if (oldest !== undefined) this.#last.delete(oldest);
    }
    return true;
  }
}
