import type { Duplex } from 'node:stream';
import type { Random } from '@edgeplane/base';
import type { Scheduler } from './scheduler.js';

/** What travels: a message, the sender's clean end, or the reason for which the stream is broken off. */
export type Item =
  | { readonly kind: 'data'; readonly bytes: Buffer; readonly taken: () => void }
  | { readonly kind: 'end' }
  | { readonly kind: 'broken'; readonly error: Error | undefined };

/** Messages under way before the sender's stream is full. */
const WINDOW = 8;

export interface PipeOptions {
  readonly label: string;
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Typical time under way, milliseconds. */
  readonly latencyMs: number;
  /** Whether nothing gets through at present. */
  readonly blocked: () => boolean;
  /** The receiving end; undefined once nobody is there. */
  readonly target: () => Duplex | undefined;
  /** The receiving end is to be broken off. */
  readonly breakOff: (error: Error | undefined) => void;
}

/** One direction of a connection: in order, each message some time under way, no more than the receiver reads. */
export class Pipe {
  /** How many times slower than it should be. */
  slowness = 1;
  readonly #options: PipeOptions;
  #queue: Item[] = [];
  #waiting = false;
  #full = false;

  constructor(options: PipeOptions) {
    this.#options = options;
  }

  /** Puts a message on its way; `taken` is called when there is room for another. */
  send(bytes: Buffer, taken: () => void): void {
    const room = this.#queue.length < WINDOW;
    this.#add({ kind: 'data', bytes, taken: room ? () => undefined : taken });
    if (room) taken();
  }

  end(): void {
    this.#add({ kind: 'end' });
  }

  /** Breaks the receiving end off, after what is under way or instead of it. */
  break(error: Error | undefined, drop: boolean): void {
    if (drop) this.#queue = [];
    this.#add({ kind: 'broken', error });
  }

  /** Nothing arrives any more. */
  clear(): void {
    this.#queue = [];
  }

  /** The receiver reads on. */
  read(): void {
    this.#full = false;
    this.#next();
  }

  /** What was blocked may go on. */
  resume(): void {
    this.#next();
  }

  #add(item: Item): void {
    this.#queue.push(item);
    this.#next();
  }

  #next(): void {
    const { scheduler, random, label, latencyMs, blocked } = this.#options;
    const [first] = this.#queue;
    if (!first || this.#waiting || blocked() || (this.#full && first.kind === 'data')) return;
    this.#waiting = true;
    const ms = latencyMs * this.slowness * (0.2 + 1.6 * random.next());
    scheduler.after(ms, label, () => {
      this.#waiting = false;
      if (!blocked()) this.#deliver();
      this.#next();
    });
  }

  #deliver(): void {
    const item = this.#queue.shift();
    const target = this.#options.target();
    if (!item || !target || target.destroyed) return;
    if (item.kind === 'broken') this.#options.breakOff(item.error);
    else if (item.kind === 'end') target.push(null);
    else {
      this.#full = !target.push(item.bytes);
      item.taken();
    }
  }
}
