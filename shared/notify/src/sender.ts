import type { MessageStream } from '@edgeplane/rpc';
import type { Ending } from './ending.js';
import type { Outbox } from './outbox.js';
import { PacedWriter } from './paced-writer.js';
import type { NotifyCounters } from './types.js';
import { SENDALL_END_NOTICE } from './wire.js';

/** What a session sends, type by type in send order. */
export interface Feed {
  readonly types: number;
  /** Keys of a type that the peer gets without a change. */
  initialKeys(type: number): Iterable<string>;
  /** The notice for a key's current state; undefined to send nothing. */
  frame(type: number, keyJson: string): Buffer | undefined;
}

/**
 * The writing half of a session. First everything, then SENDALL_END, then rounds of changes for as long as the signal
 * is quiet. Memory stays bounded because nothing is read from the feed while the stream is full.
 */
export class Sender {
  readonly #writer: PacedWriter;
  readonly #outbox: Outbox;
  readonly #feed: Feed;
  readonly #counters: NotifyCounters;
  readonly #ending: Ending;
  /** Keys left to the next round, per type, because they changed again before their turn. */
  #putOff: Set<string>[];
  #synced = false;

  constructor(options: {
    stream: MessageStream;
    outbox: Outbox;
    feed: Feed;
    counters: NotifyCounters;
    ending: Ending;
    maxBufferedBytes: number;
  }) {
    this.#writer = new PacedWriter(options.stream, options.maxBufferedBytes, options.ending);
    this.#outbox = options.outbox;
    this.#feed = options.feed;
    this.#counters = options.counters;
    this.#ending = options.ending;
    this.#putOff = this.#noKeys();
  }

  /** Whether all that there was at the start has been sent. */
  get synced(): boolean {
    return this.#synced;
  }

  async run(): Promise<void> {
    await this.#sendAll();
    // What changed meanwhile goes before the end marker too, or the peer would prune what was put off.
    await this.#round(true);
    await this.#write(SENDALL_END_NOTICE);
    this.#synced = true;
    while (!this.#ending.isOver) {
      await this.#outbox.wait(this.#ending.signal);
      await this.#round(false);
    }
  }

  async #sendAll(): Promise<void> {
    for (let type = 0; type < this.#feed.types; type++) {
      for (const key of this.#feed.initialKeys(type)) {
        if (this.#ending.isOver) return;
        if (!this.#outbox.isMarked(type, key)) await this.#send(type, key);
      }
    }
  }

  /**
   * Sends what has changed, in type order. A key that changed again before its turn is left to the next round, where
   * what it depends on goes first; but only once, so that a busy key cannot be put off for ever.
   */
  async #round(all: boolean): Promise<void> {
    const { keys, messages } = this.#outbox.take();
    const before = this.#putOff;
    this.#putOff = this.#noKeys();
    for (const [type, changed] of keys.entries()) {
      for (const key of changed) {
        if (this.#ending.isOver) return;
        if (!all && this.#outbox.isMarked(type, key) && !before[type]?.has(key)) this.#putOff[type]?.add(key);
        else await this.#send(type, key);
      }
    }
    for (const message of messages) await this.#write(message);
  }

  async #send(type: number, key: string): Promise<void> {
    const frame = this.#feed.frame(type, key);
    if (frame) await this.#write(frame);
  }

  async #write(frame: Buffer): Promise<void> {
    if (!this.#writer.write(frame)) return;
    this.#counters.noticesSent += 1;
    this.#counters.bytesSent += frame.length;
    const room = this.#writer.room();
    if (room) await room;
  }

  #noKeys(): Set<string>[] {
    return Array.from({ length: this.#feed.types }, () => new Set<string>());
  }
}
