import { type Clock, type EdgeplaneError, fail } from '@edgeplane/base';
import type { Drain } from '@edgeplane/proto/edgeplane/notify.js';
import { type Notice, NoticeAction } from '@edgeplane/proto/edgeproto/notice.js';
import type { MessageStream } from '@edgeplane/rpc';
import { notifyErrors } from './errors.js';
import { shortened } from './text.js';
import { decodeNotice } from './wire.js';

/** Types that a peer may want, and letters of their names. */
const MOST_WANTS = 256;
const MOST_WANT_LETTERS = 256;
/** Messages read ahead of their handling before the stream is paused. */
const READ_AHEAD = 8;
/** The same in bytes; one message more may be here. */
const READ_AHEAD_BYTES = 1024 * 1024;

/** Memory that is not a message's own, and may be kept by it: that of a pool of Node. */
const MOST_SHARED_BYTES = 8 * 1024;

export interface HandshakeOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** The peer refuses, and says for how long; its reason is the error. */
  onDrain?(drain: Drain): void;
  /** The error for a peer that sends something else first. */
  expected(): EdgeplaneError;
}

/**
 * Takes the messages of a stream one by one, and pauses the stream when they are not taken. Not an async iterator:
 * that of Node destroys the stream at an error event, which is how a grpc-js server is told to send a status.
 */
export class NoticeReader {
  readonly #stream: MessageStream;
  readonly #queue: Buffer[] = [];
  #bytes = 0;
  #end: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;
  #atOnce: ((bytes: Buffer) => boolean) | undefined;
  /** The one that is listened to. */
  #signal: AbortSignal | undefined;

  /** `wasCut`: whether an end of the stream was not meant by the peer; default that it was meant. */
  constructor(stream: MessageStream, wasCut?: () => Promise<boolean>) {
    this.#stream = stream;
    readOneAhead(stream);
    stream.on('data', (bytes: Buffer) => {
      if (this.#queue.length === 0 && this.#atOnce?.(bytes)) return;
      this.#queue.push(ownBytes(bytes));
      this.#bytes += bytes.length;
      if (this.#queue.length >= READ_AHEAD || this.#bytes >= READ_AHEAD_BYTES) stream.pause();
      this.#wake?.();
    });
    stream.on('end', () => {
      if (wasCut) void wasCut().then((cut) => this.#ended(cut ? gone() : undefined));
      else this.#ended(undefined);
    });
    stream.on('error', (error: unknown) => this.#ended(error));
    stream.on('close', () => this.#ended(gone()));
  }

  /**
   * From now on `take` is asked about each message before which none waits, as soon as it comes; one that it takes (true) is
   * not seen by {@link next}. It must not throw.
   */
  takeAtOnce(take: (bytes: Buffer) => boolean): void {
    this.#atOnce = take;
  }

  /** Whether a message is here already. */
  get hasMore(): boolean {
    return this.#queue.length > 0;
  }

  /**
   * The next message; undefined when the peer has ended or `signal` aborts. Rejects when the stream has broken. One
   * call at a time.
   */
  async next(signal: AbortSignal): Promise<Buffer | undefined> {
    while (!signal.aborted) {
      const bytes = this.#queue.shift();
      if (bytes !== undefined) {
        this.#bytes -= bytes.length;
        return bytes;
      }
      if (this.#end) {
        if (this.#end.error !== undefined) throw this.#end.error;
        return undefined;
      }
      await this.#more(signal);
    }
    return undefined;
  }

  /**
   * The peer's VERSION notice, which must come first.
   * @throws EdgeplaneError HANDSHAKE_TIMEOUT, SESSION_CLOSED, NOTICE_MALFORMED, or what `expected` makes.
   */
  async handshake(options: HandshakeOptions): Promise<Notice> {
    const { clock, timeoutMs, signal } = options;
    const giveUp = new AbortController();
    const stop = () => giveUp.abort(signal.reason);
    const cancel = clock.after(timeoutMs, stop);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      const bytes = await this.next(giveUp.signal);
      if (bytes === undefined) {
        if (giveUp.signal.aborted && !signal.aborted)
          throw fail(notifyErrors.HANDSHAKE_TIMEOUT, { ms: timeoutMs });
        const reason = signal.aborted ? 'stopping' : 'the peer ended before the handshake';
        throw fail(notifyErrors.SESSION_CLOSED, { reason });
      }
      const notice = decodeNotice(bytes);
      if (notice.drain) {
        options.onDrain?.(notice.drain);
        throw fail(notifyErrors.PEER_DRAINS, { reason: shortened(notice.drain.reason) });
      }
      if (notice.action !== NoticeAction.VERSION) throw options.expected();
      if (notice.version < 1) throw fail(notifyErrors.VERSION_UNSUPPORTED, { version: notice.version });
      checkWants(notice);
      return notice;
    } finally {
      cancel();
      signal.removeEventListener('abort', stop);
    }
  }

  #more(signal: AbortSignal): Promise<void> {
    this.#listen(signal);
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
      this.#stream.resume();
    });
  }

  /** A signal goes with many messages: a listener for each of them would cost more than the message. */
  #listen(signal: AbortSignal): void {
    if (this.#signal === signal) return;
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#wake?.(), { once: true });
  }

  #ended(error: unknown): void {
    this.#end ??= { error };
    this.#wake?.();
  }
}

/** What is kept of a message should not keep the chunk that it came in. */
function ownBytes(message: Buffer): Buffer {
  return message.buffer.byteLength > MOST_SHARED_BYTES + message.length ? Buffer.from(message) : message;
}

function gone(): EdgeplaneError {
  return fail(notifyErrors.SESSION_CLOSED, { reason: 'the peer is gone' });
}

/** @throws EdgeplaneError NOTICE_MALFORMED: the list is kept, logged and shown. */
function checkWants({ wantObjs }: Notice): void {
  const longest = Math.max(0, ...wantObjs.slice(0, MOST_WANTS).map(({ length }) => length));
  if (wantObjs.length <= MOST_WANTS && longest <= MOST_WANT_LETTERS) return;
  const reason = `${wantObjs.length} types are wanted, the longest of ${longest} letters: more than ${MOST_WANTS}, or ${MOST_WANT_LETTERS}`;
  throw fail(notifyErrors.NOTICE_MALFORMED, { reason });
}

/**
 * Streams of grpc-js read 16 messages ahead, whatever their size, which is 64 MiB of the largest. They take no option for
 * it, so it is set where Node keeps it; were that ever to move, the test of a flood would tell.
 */
function readOneAhead(stream: MessageStream): void {
  const { _readableState: state } = stream as {
    readonly _readableState?: { highWaterMark: number; readonly objectMode: boolean };
  };
  if (state?.objectMode) state.highWaterMark = 1;
}
