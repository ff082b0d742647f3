/** Frames that were sent and are not acknowledged yet. */
export class Window<T> {
  readonly #maxFrames: number;
  readonly #maxBytes: number;
  readonly #frames = new Map<number, { readonly bytes: number; readonly since: number; readonly what: T }>();
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
    return this.#frames.size;
  }

  get isOpen(): boolean {
    return this.#frames.size < this.#maxFrames && (this.#bytes < this.#maxBytes || this.#frames.size === 0);
  }

  /** When the oldest frame without an ack was sent. */
  get oldestSince(): number | undefined {
    return this.#frames.get(this.#acked + 1)?.since;
  }

  /** Notes the next frame as sent at `now`. */
  sent(bytes: number, now: number, what: T): void {
    this.#frames.set(this.#next, { bytes, since: now, what });
    this.#bytes += bytes;
    this.#next += 1;
  }

  /** What the frame of a sequence was, while it waits. */
  find(sequence: number): T | undefined {
    return this.#frames.get(sequence)?.what;
  }

  /** Takes a cumulative ack, and calls back for each frame; false when it is of something that was never sent. */
  ack(sequence: number, each?: (what: T) => void): boolean {
    if (sequence >= this.#next) return false;
    for (; this.#acked < sequence; this.#acked++) {
      const at = this.#acked + 1;
      const frame = this.#frames.get(at);
      this.#bytes -= frame?.bytes ?? 0;
      if (frame) each?.(frame.what);
      this.#frames.delete(at);
    }
    return true;
  }
}
