import { Duplex } from 'node:stream';
import type { StreamMessage } from './messages.js';

/** Hands a message to the other process; calls back when it is on its way, with what went wrong. */
export type SendMessage = (message: StreamMessage, done: (error: Error | null) => void) => void;

/** Streams of notices over a channel of messages between two processes. */
export class MessageStreams {
  readonly #send: SendMessage;
  readonly #onOpen: (stream: Duplex) => void;
  readonly #streams = new Map<number, ChannelStream>();
  #last = 0;

  /** `onOpen` gets what the other side opens. */
  constructor(send: SendMessage, onOpen: (stream: Duplex) => void = (stream) => stream.destroy()) {
    this.#send = send;
    this.#onOpen = onOpen;
  }

  open(): Duplex {
    this.#last += 1;
    const stream = this.#add(this.#last);
    this.#send({ kind: 'open', stream: this.#last }, (error) => {
      if (error) stream.destroy(error);
    });
    return stream;
  }

  /** Takes what the other side has sent. */
  take(message: StreamMessage): void {
    if (message.kind === 'open') {
      this.#onOpen(this.#add(message.stream));
      return;
    }
    const stream = this.#streams.get(message.stream);
    if (message.kind === 'notice') stream?.push(Buffer.from(message.bytes));
    if (message.kind === 'end') stream?.push(null);
    if (message.kind === 'close') stream?.closedBy(message.reason);
  }

  /** The other process is gone. */
  lost(): void {
    for (const stream of [...this.#streams.values()]) stream.closedBy('the process is gone');
  }

  #add(id: number): ChannelStream {
    const stream = new ChannelStream(id, this.#send, () => this.#streams.delete(id));
    // Errors of a stream that its reader has left mean nothing.
    stream.on('error', () => undefined);
    this.#streams.set(id, stream);
    return stream;
  }
}

/** One of them. How much is under way is bounded by those who use it: they wait for acknowledgements. */
class ChannelStream extends Duplex {
  readonly #id: number;
  readonly #send: SendMessage;
  readonly #forget: () => void;
  #isClosed = false;

  constructor(id: number, send: SendMessage, forget: () => void) {
    super({ objectMode: true, allowHalfOpen: true });
    this.#id = id;
    this.#send = send;
    this.#forget = forget;
  }

  closedBy(reason: string): void {
    this.#isClosed = true;
    this.destroy(new Error(reason));
  }

  override _read(): void {}

  override _write(bytes: Uint8Array, _encoding: string, done: (error: Error | null) => void): void {
    this.#send({ kind: 'notice', stream: this.#id, bytes }, done);
  }

  override _final(done: (error: Error | null) => void): void {
    this.#send({ kind: 'end', stream: this.#id }, done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#forget();
    const isOver = error === null && this.readableEnded && this.writableFinished;
    if (!this.#isClosed && !isOver)
      this.#send({ kind: 'close', stream: this.#id, reason: error?.message ?? 'closed' }, () => undefined);
    done(error);
  }
}
