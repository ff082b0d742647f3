import { fail, type Logger } from '@edgeplane/base';
import type { MessageStream } from '@edgeplane/rpc';
import { Ending } from './ending.js';
import { notifyErrors } from './errors.js';
import type { Inbound } from './inbound.js';
import type { NotifyLimits } from './limits.js';
import type { NoticeReader } from './notice-reader.js';
import { Outbox } from './outbox.js';
import { type Feed, Sender } from './sender.js';
import type { NotifyCounters } from './types.js';

export interface SessionOptions {
  readonly stream: MessageStream;
  readonly reader: NoticeReader;
  readonly inbound: Inbound;
  readonly feed: Feed;
  readonly limits: NotifyLimits;
  readonly counters: NotifyCounters;
  readonly logger: Logger;
}

/**
 * A session after the handshake, the same on both ends: one loop sends, one receives, and the end of either is the end
 * of both.
 */
export class Session {
  readonly #options: SessionOptions;
  readonly #outbox: Outbox;
  readonly #ending = new Ending();
  readonly #sender: Sender;
  #failure: unknown;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#outbox = new Outbox(options.feed.types, options.limits);
    const { stream, feed, counters, limits } = options;
    this.#sender = new Sender({
      ...{ stream, feed, counters, outbox: this.#outbox, ending: this.#ending },
      maxBufferedBytes: limits.maxBufferedBytes,
    });
  }

  /** Changed keys waiting for the peer. */
  get waiting(): number {
    return this.#outbox.size;
  }

  /** Whether all that there was at the start has been sent. */
  get synced(): boolean {
    return this.#sender.synced;
  }

  /** Notes that a key of a type (by place in send order) changed. Too many waiting ends the session. */
  mark(type: number, keyJson: string): void {
    if (this.#ending.isOver || this.#outbox.mark(type, keyJson)) return;
    this.close(fail(notifyErrors.PEER_TOO_SLOW, { limit: this.#options.limits.maxDirtyKeys }));
  }

  /** Queues an encoded message notice; false when it was dropped. */
  sendMessage(frame: Buffer): boolean {
    const queued = !this.#ending.isOver && this.#outbox.addMessage(frame);
    if (!queued) this.#options.counters.messagesDropped += 1;
    return queued;
  }

  /** Ends the session, with `failure` as the reason that {@link run} rejects with. */
  close(failure?: unknown): void {
    if (this.#ending.isOver) return;
    this.#failure = failure;
    this.#ending.end('session closed');
  }

  /**
   * Sends and receives until the peer ends, the stream breaks or {@link close} is called. Rejects with the reason
   * when it was not a clean end. Handlers of the notice in progress are awaited.
   */
  async run(): Promise<void> {
    const sending = this.#sender.run().catch((error: unknown) => this.close(error));
    await this.#receive();
    this.close();
    await sending;
    if (this.#failure !== undefined) throw this.#failure;
    this.#options.logger.debug('Session ended');
  }

  async #receive(): Promise<void> {
    const { reader, inbound } = this.#options;
    try {
      for (;;) {
        const bytes = await reader.next(this.#ending.signal);
        if (bytes === undefined) return;
        await inbound.handle(bytes);
      }
    } catch (error) {
      this.close(error);
    }
  }
}
