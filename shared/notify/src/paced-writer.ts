import type { MessageStream } from '@edgeplane/rpc';
import type { Ending } from './ending.js';

/** What a message costs besides its bytes while it waits to be written. */
const MESSAGE_COST = 256;

/**
 * Writes to a stream of messages no faster than it takes them. Such a stream says that it is full by the number of its
 * messages, if at all; what a peer that does not read may hold on to is a matter of their bytes.
 */
export class PacedWriter {
  readonly #stream: MessageStream;
  readonly #maxBytes: number;
  readonly #ending: Ending;
  #bytes = 0;
  /** Of the messages that are with the stream, in order. */
  readonly #costs: number[] = [];
  /** The stream has said that it is full. */
  #full = false;
  #wake: (() => void) | undefined;

  /** `maxBytes` may be with the stream before a writer has to wait, and one message more. */
  constructor(stream: MessageStream, maxBytes: number, ending: Ending) {
    this.#stream = stream;
    this.#maxBytes = maxBytes;
    this.#ending = ending;
  }

  /** Writes a message, whether there is {@link room} or not; false when nothing can be written any more. */
  write(message: Buffer): boolean {
    const cost = message.length + MESSAGE_COST;
    if (!this.#canWrite()) return false;
    this.#bytes += cost;
    this.#costs.push(cost);
    this.#full = !this.#stream.write(message, this.#written);
    return true;
  }

  /** The oldest message has been written; one function for all, since they are written in order. */
  readonly #written = (): void => {
    this.#bytes -= this.#costs.shift() ?? 0;
    this.#wake?.();
  };

  /** Undefined when there is room for another message; otherwise resolves when there is. One call at a time. */
  room(): Promise<void> | undefined {
    return this.#full || this.#bytes >= this.#maxBytes ? this.#waitForRoom() : undefined;
  }

  #canWrite(): boolean {
    return !this.#ending.isOver && !this.#stream.destroyed && !this.#stream.writableEnded;
  }

  #waitForRoom(): Promise<void> {
    const { signal } = this.#ending;
    return new Promise((resolve) => {
      const check = () => {
        if (this.#canWrite() && (this.#stream.writableNeedDrain || this.#bytes >= this.#maxBytes)) return;
        this.#wake = undefined;
        this.#full = false;
        this.#stream.removeListener('drain', check);
        this.#stream.removeListener('close', check);
        signal.removeEventListener('abort', check);
        resolve();
      };
      this.#wake = check;
      this.#stream.on('drain', check);
      this.#stream.on('close', check);
      signal.addEventListener('abort', check);
      check();
    });
  }
}
