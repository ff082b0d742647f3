import type { Clock } from '@edgeplane/base';

/** How often the lag is measured, milliseconds. */
const EVERY_MS = 20;

/**
 * How long what comes waits for its turn, milliseconds: how late a timer is. Of the last two measurements the lesser
 * counts, as a process may be put off once for reasons of its host.
 */
export class LagMeter {
  readonly #clock: Clock;
  #last = 0;
  #before = 0;
  #due = 0;
  #cancel = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get lagMs(): number {
    return Math.min(this.#last, this.#before);
  }

  start(): void {
    this.#due = this.#clock.monotonic() + EVERY_MS;
    this.#cancel = this.#clock.after(EVERY_MS, () => {
      this.#before = this.#last;
      this.#last = Math.max(0, this.#clock.monotonic() - this.#due);
      this.start();
    });
  }

  stop(): void {
    this.#cancel();
  }
}
