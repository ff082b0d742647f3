import type { Random } from '@edgeplane/base';
import type { Trace } from './trace.js';

interface Event {
  readonly at: number;
  /** Orders events of one moment, by chance. */
  readonly tie: number;
  readonly seq: number;
  readonly label: string;
  fn: (() => void) | undefined;
}

function isBefore(a: Event, b: Event): boolean {
  if (a.at !== b.at) return a.at < b.at;
  return a.tie !== b.tie ? a.tie < b.tie : a.seq < b.seq;
}

/**
 * Simulated time. The next event happens only when what the one before it has set in motion has come to rest: no promise
 * has a reaction left. Nothing in a run waits for anything outside of it, so one turn of the event loop is enough to know.
 */
export class Scheduler {
  readonly #random: Random;
  readonly #trace: Trace;
  /** A binary heap, the next event first. */
  readonly #events: Event[] = [];
  #now = 0;
  #seq = 0;

  constructor(random: Random, trace: Trace) {
    this.#random = random;
    this.#trace = trace;
  }

  /** Milliseconds since the start of the run. */
  get now(): number {
    return this.#now;
  }

  /** Calls `fn` after `ms`; returns the function that cancels it. */
  after(ms: number, label: string, fn: () => void): () => void {
    const event: Event = {
      at: this.#now + Math.max(0, ms),
      tie: this.#random.next(),
      seq: this.#seq++,
      label,
      fn,
    };
    this.#push(event);
    return () => {
      event.fn = undefined;
    };
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, 'wake', resolve));
  }

  /** Lets events happen until `done` says so, which is asked between them; false when `limitMs` have passed before. */
  async run(done: () => boolean, limitMs: number): Promise<boolean> {
    const end = this.#now + limitMs;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (done()) return true;
      const event = this.#pop();
      if (!event || event.at > end) {
        if (event) this.#push(event);
        this.#now = Math.max(this.#now, end);
        return false;
      }
      if (!event.fn) continue;
      this.#now = event.at;
      this.#trace.add(`${event.at.toFixed(3)} ${event.label}`);
      event.fn();
    }
  }

  #push(event: Event): void {
    const heap = this.#events;
    let place = heap.push(event) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent];
      if (!above || !isBefore(event, above)) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#events;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || heap.length === 0) return first;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      const left = heap[child];
      if (!left) break;
      const right = heap[child + 1];
      if (right && isBefore(right, left)) child += 1;
      const least = heap[child];
      if (!least || !isBefore(least, last)) break;
      heap[place] = least;
      place = child;
    }
    heap[place] = last;
    return first;
  }
}
