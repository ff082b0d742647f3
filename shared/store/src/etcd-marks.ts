import { randomUUID } from 'node:crypto';
import type { Compare, Entry, Op } from './store.js';

/** Where the marks of transactions are. They are nobody's data: the store hides them. */
export const MARKS = 'edgeplane/mark/';

/** Marks of clients that are gone are removed by others after this, milliseconds. */
const FORGOTTEN_MS = 24 * 3600 * 1000;

/**
 * Makes it known afterwards whether a transaction was carried out. Each one that is under way has a key to itself, a slot;
 * it compares the slot's revision and writes a number there that no other transaction has. So it takes effect at most once,
 * however often and however late it arrives, and when no answer did, the slot tells.
 */
export class Marks {
  readonly #client = randomUUID();
  readonly #free: Slot[] = [];
  #slots = 0;
  #last = 0;

  /** A slot for one transaction at a time; `now` is in the mark, for {@link isForgotten}. */
  take(now: number): Slot {
    const slot = this.#free.pop() ?? new Slot(`${MARKS}${this.#client}/${this.#slots++}`);
    this.#last += 1;
    slot.value = `${this.#last} ${now}`;
    return slot;
  }

  /** Gives a slot back whose revision is known; one that may still change is dropped instead. */
  release(slot: Slot): void {
    this.#free.push(slot);
  }
}

export class Slot {
  readonly key: string;
  /** Mark of the transaction that has the slot now. */
  value = '';
  /** What the slot has before that transaction; 0: nothing. */
  revision = 0;

  constructor(key: string) {
    this.key = key;
  }

  get compare(): Compare {
    return { key: this.key, revision: this.revision };
  }

  get put(): Op {
    return { type: 'put', key: this.key, value: this.value };
  }
}

export function isMark(key: string): boolean {
  return key.startsWith(MARKS);
}

/** Whether a listing or watch of a prefix meets marks. */
export function meetsMarks(prefix: string): boolean {
  return MARKS.startsWith(prefix) || isMark(prefix);
}

/** Whether a mark is so old that nobody waits for its transaction any more. */
export function isForgotten({ value }: Entry, now: number): boolean {
  const written = Number(value.split(' ')[1]);
  return !(written > now - FORGOTTEN_MS);
}
