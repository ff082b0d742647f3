import type { Clock } from './clock.js';

/**
 * Tells of something that may happen any number of times without telling each time: the first at once, what follows
 * together at the end of a period.
 */
export class Tally {
  readonly #clock: Clock;
  readonly #periodMs: number;
  readonly #say: (times: number) => void;
  #times = 0;
  #cancel: (() => void) | undefined;

  /** `say` is called at most once per period, with how often it happened since the last time. */
  constructor(clock: Clock, periodMs: number, say: (times: number) => void) {
    this.#clock = clock;
    this.#periodMs = periodMs;
    this.#say = say;
  }

  /** It has happened. */
  add(): void {
    this.#times += 1;
    if (this.#cancel) return;
    this.#tell();
    this.#wait();
  }

  /** Tells of what it has not told of yet; nothing is waited for any more. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#tell();
  }

  #wait(): void {
    this.#cancel = this.#clock.after(this.#periodMs, () => {
      this.#cancel = undefined;
      if (this.#tell()) this.#wait();
    });
  }

  #tell(): boolean {
    const times = this.#times;
    this.#times = 0;
    if (times > 0) this.#say(times);
    return times > 0;
  }
}
