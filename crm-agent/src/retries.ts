import { Backoff, type Clock, type Random } from '@edgeplane/base';

const DELAYS = { base: 1000, max: 60_000 };

/** Calls back later by key, each time later, until cancelled. */
export class Retries {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #keys = new Map<string, { readonly backoff: Backoff; cancel(): void }>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** In place of an earlier call of the key that is still to come. */
  schedule(key: string, fn: () => void): void {
    const known = this.#keys.get(key);
    known?.cancel();
    const backoff = known?.backoff ?? new Backoff(DELAYS, this.#random);
    this.#keys.set(key, { backoff, cancel: this.#clock.after(backoff.next(), fn) });
  }

  cancel(key: string): void {
    this.#keys.get(key)?.cancel();
    this.#keys.delete(key);
  }

  stop(): void {
    for (const key of [...this.#keys.keys()]) this.cancel(key);
  }
}
