import type { Clock } from '@edgeplane/base';

/** So many ends within this time, milliseconds, are no accident. */
const MANY = 3;
const WITHIN_MS = 300_000;

export interface RestartTallyOptions {
  readonly clock: Clock;
  /** Told when the trouble of a workload begins, changes or, without a text, is over. */
  readonly report: (name: string, trouble: string | undefined) => void;
}

/** Counts how often workloads end by themselves and are started again, and tells of those that do so again and again. */
export class RestartTally {
  readonly #options: RestartTallyOptions;
  /** When each ended lately, oldest first. */
  readonly #ends = new Map<string, number[]>();
  readonly #timers = new Map<string, () => void>();

  constructor(options: RestartTallyOptions) {
    this.#options = options;
  }

  /** @param how such as `with status 3` */
  ended(name: string, how: string): void {
    const { clock, report } = this.#options;
    const now = clock.monotonic();
    const ends = [...this.#lately(name, now), now];
    this.#ends.set(name, ends);
    this.#timers.get(name)?.();
    // Over when there was none for that long.
    this.#timers.set(
      name,
      clock.after(WITHIN_MS, () => {
        this.forget(name);
        report(name, undefined);
      }),
    );
    if (ends.length < MANY) return;
    const minutes = WITHIN_MS / 60_000;
    report(
      name,
      `it ended ${ends.length} times within ${minutes} minutes and was started again, last ${how}`,
    );
  }

  /** What is counted no more: it was removed, or is made anew. */
  forget(name: string): void {
    this.#timers.get(name)?.();
    this.#timers.delete(name);
    this.#ends.delete(name);
  }

  stop(): void {
    for (const name of [...this.#timers.keys()]) this.forget(name);
  }

  #lately(name: string, now: number): readonly number[] {
    return (this.#ends.get(name) ?? []).filter((at) => now - at < WITHIN_MS);
  }
}
