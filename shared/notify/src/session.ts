import type { Duplex } from 'node:stream';
import { type Clock, type EdgeplaneError, fail, type Logger } from '@edgeplane/base';
import { type Notice, NoticeAction } from '@edgeplane/proto/edgeproto/notice.js';
import { notifyErrors } from './errors.js';
import type { Inbound } from './inbound.js';
import { Outbox } from './outbox.js';
import { type Feed, Sender } from './sender.js';
import type { NotifyCounters, NotifyLimits } from './types.js';
import { decodeNotice } from './wire.js';

/** A notice stream whose messages can be taken one by one; both ends read through it. */
export class NoticeReader {
  readonly #messages: AsyncIterator<Buffer>;

  constructor(stream: Duplex) {
    // Not destroyed on return: a server still has to send its status.
    this.#messages = stream.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  }

  /** The next message; undefined when the peer has ended or `signal` aborts. Rejects when the stream breaks. */
  next(signal: AbortSignal): Promise<Buffer | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const aborted = () => resolve(undefined);
      signal.addEventListener('abort', aborted, { once: true });
      this.#messages
        .next()
        .finally(() => signal.removeEventListener('abort', aborted))
        .then(({ done, value }) => resolve(done ? undefined : value), reject);
    });
  }

  /**
   * The peer's VERSION notice, which must come first.
   * @throws EdgeplaneError HANDSHAKE_TIMEOUT, SESSION_CLOSED, NOTICE_MALFORMED, or what `expected` makes.
   */
  async handshake(options: HandshakeOptions): Promise<Notice> {
    const { clock, timeoutMs, signal } = options;
    const timeout = new AbortController();
    const cancel = clock.after(timeoutMs, () => timeout.abort(new Error('timeout')));
    try {
      const bytes = await this.next(AbortSignal.any([signal, timeout.signal]));
      if (bytes === undefined) {
        if (timeout.signal.aborted) throw fail(notifyErrors.HANDSHAKE_TIMEOUT, { ms: timeoutMs });
        const reason = signal.aborted ? 'stopping' : 'the peer ended before the handshake';
        throw fail(notifyErrors.SESSION_CLOSED, { reason });
      }
      const notice = decodeNotice(bytes);
      if (notice.action !== NoticeAction.VERSION) throw options.expected();
      if (notice.version < 1) throw fail(notifyErrors.VERSION_UNSUPPORTED, { version: notice.version });
      return notice;
    } finally {
      cancel();
    }
  }
}

export interface HandshakeOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** The error for a peer that sends something else first. */
  expected(): EdgeplaneError;
}

export interface SessionOptions {
  readonly stream: Duplex;
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
  readonly #abort = new AbortController();
  #failure: unknown;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { maxDirtyKeys, maxMessages } = options.limits;
    this.#outbox = new Outbox(options.feed.types, maxDirtyKeys, maxMessages);
  }

  /** Changed keys waiting for the peer. */
  get waiting(): number {
    return this.#outbox.size;
  }

  /** Notes that a key of a type (by place in send order) changed. Too many waiting ends the session. */
  mark(type: number, keyJson: string): void {
    if (this.#abort.signal.aborted || this.#outbox.mark(type, keyJson)) return;
    this.close(fail(notifyErrors.PEER_TOO_SLOW, { limit: this.#options.limits.maxDirtyKeys }));
  }

  /** Queues an encoded message notice; false when it was dropped. */
  sendMessage(frame: Buffer): boolean {
    const queued = !this.#abort.signal.aborted && this.#outbox.addMessage(frame);
    if (!queued) this.#options.counters.messagesDropped += 1;
    return queued;
  }

  /** Ends the session, with `failure` as the reason that {@link run} rejects with. */
  close(failure?: unknown): void {
    if (this.#abort.signal.aborted) return;
    this.#failure = failure;
    this.#abort.abort(new Error('session closed'));
  }

  /**
   * Sends and receives until the peer ends, the stream breaks or {@link close} is called. Rejects with the reason
   * when it was not a clean end. Handlers of the notice in progress are awaited.
   */
  async run(): Promise<void> {
    const { stream, feed, counters, logger } = this.#options;
    const sender = new Sender({ stream, outbox: this.#outbox, feed, counters, signal: this.#abort.signal });
    const sending = sender.run().catch((error: unknown) => this.close(error));
    await this.#receive();
    this.close();
    await sending;
    if (this.#failure !== undefined) throw this.#failure;
    logger.debug('Session ended');
  }

  async #receive(): Promise<void> {
    const { reader, inbound } = this.#options;
    try {
      for (;;) {
        const bytes = await reader.next(this.#abort.signal);
        if (bytes === undefined) return;
        await inbound.handle(bytes);
      }
    } catch (error) {
      this.close(error);
    }
  }
}
