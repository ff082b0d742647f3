import type { Clock } from '@edgeplane/base';

/** CPU use over time, from counters of CPU time that were read now and then. */
export class Rates {
  readonly #clock: Clock;
  readonly #earlier = new Map<string, { readonly nanos: number; readonly at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Percent of one core since the counter of this key was read before; 250 is two and a half cores. Undefined the first
   * time, and when the counter has begun anew or could not be read.
   */
  percent(key: string, nanos: number | undefined): number | undefined {
    const at = this.#clock.monotonic();
    const earlier = this.#earlier.get(key);
    if (nanos === undefined) this.#earlier.delete(key);
    else this.#earlier.set(key, { nanos, at });
    if (nanos === undefined || !earlier || nanos < earlier.nanos || at <= earlier.at) return undefined;
    return ((nanos - earlier.nanos) / ((at - earlier.at) * 1e6)) * 100;
  }

  /** Forgets all other keys. */
  keep(keys: ReadonlySet<string>): void {
    for (const key of this.#earlier.keys()) if (!keys.has(key)) this.#earlier.delete(key);
  }
}
