import type { Clock, Random } from '@edgeplane/base';

/** Crockford's digits: no I, L, O and U. */
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const TIME_DIGITS = 10;
const RANDOM_DIGITS = 16;

/** Makes ids like ULIDs: 26 digits, time first. Each is greater than all before, also when the clock goes back. */
export class OperationIds {
  readonly #clock: Clock;
  readonly #random: Random;
  #last = 0;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Tells of an id that an earlier life made. */
  seen(id: string): void {
    const time = [...id.slice(0, TIME_DIGITS)].reduce((sum, digit) => sum * 32 + DIGITS.indexOf(digit), 0);
    this.#last = Math.max(this.#last, time);
  }

  next(): string {
    this.#last = Math.max(this.#last + 1, Math.floor(this.#clock.now()));
    let time = '';
    for (let rest = this.#last, i = 0; i < TIME_DIGITS; i++, rest = Math.floor(rest / 32))
      time = DIGITS.charAt(rest % 32) + time;
    const tail = Array.from({ length: RANDOM_DIGITS }, () =>
      DIGITS.charAt(Math.floor(this.#random.next() * 32)),
    );
    return time + tail.join('');
  }
}
