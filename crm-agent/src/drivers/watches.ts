interface Watch {
  readonly abort: AbortController;
  readonly ended: Promise<unknown>;
}

/** Work that looks after something, by its key, until it is released. */
export class Watches {
  readonly #watches = new Map<string, Watch>();

  /** Begins `work`, which ends when its signal aborts and does not fail; one that goes on is left alone. */
  keep(key: string, work: (signal: AbortSignal) => Promise<unknown>): void {
    if (this.#watches.has(key)) return;
    const abort = new AbortController();
    this.#watches.set(key, { abort, ended: work(abort.signal) });
  }

  /** Resolves when nothing is done any more. */
  async release(key: string): Promise<void> {
    const watch = this.#watches.get(key);
    this.#watches.delete(key);
    watch?.abort.abort(new Error('released'));
    await watch?.ended;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#watches.keys()].map((key) => this.release(key)));
  }
}
