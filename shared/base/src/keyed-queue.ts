/**
 * Work by key: serial per key, parallel across keys. Keys are queued, not events: a key added while its work
 * runs is run once more afterwards, however often it was added, so the worker must re-read state when it runs.
 */
export class KeyedQueue {
  readonly #work: (key: string, signal: AbortSignal) => Promise<void>;
  readonly #onError: (key: string, error: unknown) => void;
  readonly #abort = new AbortController();
  readonly #running = new Map<string, Promise<void>>();
  readonly #again = new Set<string>();

  /** `work` failures go to `onError`; the queue itself never stops because of one. */
  constructor(
    work: (key: string, signal: AbortSignal) => Promise<void>,
    onError: (key: string, error: unknown) => void,
  ) {
    this.#work = work;
    this.#onError = onError;
  }

  /** Asks for a run of `key`; ignored once {@link stop} was called. */
  add(key: string): void {
    if (this.#abort.signal.aborted) return;
    if (this.#running.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#running.set(key, this.#run(key));
  }

  /** Keys being worked on. */
  get size(): number {
    return this.#running.size;
  }

  /** Resolves when no key is running or queued. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  /** Aborts the signal of all running work and waits for its end. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error('queue stopped'));
    this.#again.clear();
    await this.idle();
  }

  async #run(key: string): Promise<void> {
    // Start in a later microtask, so that add() never runs work on the caller's stack.
    await Promise.resolve();
    let more = true;
    while (more && !this.#abort.signal.aborted) {
      this.#again.delete(key);
      try {
        await this.#work(key, this.#abort.signal);
      } catch (error) {
        this.#onError(key, error);
      }
      more = this.#again.has(key);
    }
    this.#running.delete(key);
  }
}
