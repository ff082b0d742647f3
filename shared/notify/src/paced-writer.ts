import type { Duplex } from 'node:stream';

/**
 * Writes to a stream of messages no faster than it takes them. Such a stream says that it is full by the number of its
 * messages; what a peer that does not read may hold on to is a matter of their bytes.
 */
export class PacedWriter {
  readonly #stream: Duplex;
  readonly #maxBytes: number;
  readonly #signal: AbortSignal;
  #bytes = 0;
  #wake: (() => void) | undefined;

  /** `maxBytes` may be with the stream before a writer has to wait, and one message more. */
  constructor(stream: Duplex, maxBytes: number, signal: AbortSignal) {
    this.#stream = stream;
    this.#maxBytes = maxBytes;
    this.#signal = signal;
  }

  /** Resolves when there is room for another message; false when nothing can be written any more. One call at a time. */
  async write(message: Buffer): Promise<boolean> {
    const { length } = message;
    if (!this.#canWrite()) return false;
    this.#bytes += length;
    const more = this.#stream.write(message, () => {
      this.#bytes -= length;
      this.#wake?.();
    });
    if (!more || this.#bytes >= this.#maxBytes) await this.#room();
    return true;
  }

  #canWrite(): boolean {
    return !this.#signal.aborted && !this.#stream.destroyed && !this.#stream.writableEnded;
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (this.#canWrite() && (this.#stream.writableNeedDrain || this.#bytes >= this.#maxBytes)) return;
        this.#wake = undefined;
        this.#stream.removeListener('drain', check);
        this.#stream.removeListener('close', check);
        this.#signal.removeEventListener('abort', check);
        resolve();
      };
      this.#wake = check;
      this.#stream.on('drain', check);
      this.#stream.on('close', check);
      this.#signal.addEventListener('abort', check);
      check();
    });
  }
}
