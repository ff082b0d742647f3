import type { Clock, Random } from '@edgeplane/base';

/** Crockford's digits: no I, L, O and U. */
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const TIME_DIGITS = 10;
const RANDOM_DIGITS = 16;

/**
 * Makes ULIDs: 26 digits, time first. Each is greater than all before it, also within a millisecond and when the clock goes
 * back.
 */
export class Ulids {
  readonly #clock: Clock;
  readonly #random: Random;
  #time = -1;
  /** What follows the time in the last one. */
  #tail: readonly number[] = [];

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Tells of one that an earlier life made. */
  seen(ulid: string): void {
    const digits = [...ulid].map((digit) => DIGITS.indexOf(digit));
    const time = digits.slice(0, TIME_DIGITS).reduce((sum, digit) => sum * 32 + digit, 0);
    // The next time is free whatever the rest of it is.
    if (time >= this.#time) this.#begin(time + 1);
  }

  next(): string {
    const now = Math.floor(this.#clock.now());
    if (now > this.#time) this.#begin(now);
    else this.#tail = successor(this.#tail);
    return timeDigits(this.#time) + this.#tail.map((digit) => DIGITS.charAt(digit)).join('');
  }

  #begin(time: number): void {
    this.#time = time;
    this.#tail = Array.from({ length: RANDOM_DIGITS }, () => Math.floor(this.#random.next() * 32));
  }
}

/** Whether a text has the form of a ULID. */
export function isUlid(text: string): boolean {
  return /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(text);
}

function timeDigits(ms: number): string {
  let left = ms;
  let text = '';
  for (let i = 0; i < TIME_DIGITS; i++) {
    text = DIGITS.charAt(left % 32) + text;
    left = Math.floor(left / 32);
  }
  return text;
}

/** The number after this one; after the last comes the first, which nobody lives to see. */
function successor(digits: readonly number[]): number[] {
  const next = [...digits];
  for (let i = next.length - 1; i >= 0; i--) {
    const digit = next[i] ?? 0;
    next[i] = (digit + 1) % 32;
    if (digit < 31) break;
  }
  return next;
}
