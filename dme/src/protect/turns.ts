import type { Clock } from '@edgeplane/base';

/**
 * How long calls wait. All that has come is handled in one turn of the event loop, one call after another; so a call that
 * is begun late in a turn has waited since its begin.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #afterTurn: (fn: () => void) => void;
  #began: number | undefined;
  #last = 0;

  /** `afterTurn` calls back when everything that had come is handled. */
  constructor(clock: Clock, afterTurn: (fn: () => void) => void = setImmediate) {
    this.#clock = clock;
    this.#afterTurn = afterTurn;
  }

  /** How long the last turn took, milliseconds. */
  get lastMs(): number {
    return this.#last;
  }

  /** How long a call that is begun at `now` has waited, milliseconds of the clock that never goes back. */
  waitedMs(now: number): number {
    if (this.#began !== undefined) return now - this.#began;
    this.#began = now;
    this.#afterTurn(() => {
      this.#last = this.#clock.monotonic() - (this.#began ?? 0);
      this.#began = undefined;
    });
    return 0;
  }
}
