import { type Clock, deferred, type EdgeplaneError, fail } from '@edgeplane/base';
import type { AskControl } from './bus.js';
import { busErrors } from './errors.js';

/** Parts of answers that nobody has taken yet, at most. */
const MOST_WAITING = 10_000;

/** The parts of the answers to one question, in the order in which they come, until its time is over. */
export class Answers {
  readonly #parts: Uint8Array[] = [];
  #moved = deferred();
  #ended = false;
  #error: EdgeplaneError | undefined;

  push(part: Uint8Array): void {
    if (this.#ended) return;
    if (this.#parts.length === MOST_WAITING) {
      this.end(fail(busErrors.BUS_TOO_LARGE, { bytes: `${MOST_WAITING} parts`, limit: MOST_WAITING }));
      return;
    }
    this.#parts.push(part);
    this.#moved.resolve();
  }

  end(error?: EdgeplaneError): void {
    this.#ended = true;
    this.#error ??= error;
    this.#moved.resolve();
  }

  /** `stop` is called once, however the reading ends. */
  async *read(
    clock: Clock,
    { deadlineMs, signal }: AskControl,
    stop: () => void,
  ): AsyncGenerator<Uint8Array> {
    const end = () => this.end();
    const cancel = clock.after(deadlineMs, end);
    if (signal?.aborted) end();
    else signal?.addEventListener('abort', end, { once: true });
    try {
      for (;;) {
        const part = this.#parts.shift();
        if (part) yield part;
        else if (this.#error) throw this.#error;
        else if (this.#ended) return;
        else {
          this.#moved = deferred();
          await this.#moved.promise;
        }
      }
    } finally {
      cancel();
      signal?.removeEventListener('abort', end);
      stop();
    }
  }
}
