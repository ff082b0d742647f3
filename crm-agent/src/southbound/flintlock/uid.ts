import type { Clock, Random } from '@edgeplane/base';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const TIME_DIGITS = 10;
const RANDOM_DIGITS = 16;

/** Makes ULIDs: 26 characters, in order of time, and in the order of being made within a millisecond. */
export class Uids {
  readonly #clock: Clock;
  readonly #random: Random;
  #time = -1;
  #tail: number[] = [];

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  next(): string {
    const now = Math.max(0, Math.floor(this.#clock.now()));
    if (now > this.#time) {
      this.#time = now;
      this.#tail = Array.from({ length: RANDOM_DIGITS }, () => Math.floor(this.#random.next() * 32));
    } else this.#tail = successor(this.#tail);
    return timeDigits(this.#time) + this.#tail.map((digit) => ALPHABET.charAt(digit)).join('');
  }
}

/** True for text of the form of a ULID. */
export function isUid(text: string): boolean {
  return /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(text);
}

function timeDigits(ms: number): string {
  let left = ms;
  let text = '';
  for (let i = 0; i < TIME_DIGITS; i++) {
    text = ALPHABET.charAt(left % 32) + text;
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
