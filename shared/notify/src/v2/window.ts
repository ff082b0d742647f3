/** Frames that were sent and are not acknowledged yet. */
export class Window<T> {
  readonly #maxFrames: number;
  readonly #maxBytes: number;
  /** From the oldest on. */
  readonly #frames: { readonly bytes: number; readonly since: number; readonly what: T }[] = [];
  #bytes = 0;
  #next = 1;
  #acked = 0;

  constructor(maxFrames: number, maxBytes: number) {
    this.#maxFrames = maxFrames;
    this.#maxBytes = maxBytes;
  }

  /** The sequence of the frame that is sent next. */
  get next(): number {
    return this.#next;
  }

  get waiting(): number {
    return this.#frames.length;
  }

  get isOpen(): boolean {
    return (
      this.#frames.length < this.#maxFrames && (this.#bytes < this.#maxBytes || this.#frames.length === 0)
    );
  }

  /** When the oldest frame without an ack was sent. */
  get oldestSince(): number | undefined {
    return this.#frames[0]?.since;
  }

  /** Notes the next frame as sent at `now`. */
  sent(bytes: number, now: number, what: T): void {
    this.#frames.push({ bytes, since: now, what });
    this.#bytes += bytes;
    this.#next += 1;
  }

  /** What the frame of a sequence was, while it waits. */
  find(sequence: number): T | undefined {
    return this.#frames[sequence - this.#acked - 1]?.what;
  }

  /** Takes a cumulative ack; false when it is of something that was never sent. */
  ack(sequence: number): boolean {
    if (sequence >= this.#next) return false;
    for (; this.#acked < sequence; this.#acked++) this.#bytes -= this.#frames.shift()?.bytes ?? 0;
    return true;
  }
}
