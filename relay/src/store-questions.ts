interface Waiter {
  settle(revision: number): void;
}

/**
 * Asks those above how far their store is. What is answered was read after the call, so a revision that somebody had seen
 * before and that is greater is one that the store has lost. One question is under way at a time; who comes meanwhile shares
 * the next one.
 */
export class StoreQuestions {
  readonly #listeners = new Set<(question: number) => void>();
  #asked: ReadonlySet<Waiter> | undefined;
  #waiting = new Set<Waiter>();
  #question = 0;

  /** Who passes questions on, from now on; what is under way is asked again. */
  onAsk(listener: (question: number) => void): () => void {
    this.#listeners.add(listener);
    if (this.#asked) listener(this.#question);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  answered(question: number, revision: number): void {
    if (!this.#asked || question !== this.#question) return;
    const asked = this.#asked;
    this.#asked = undefined;
    for (const { settle } of asked) settle(revision);
    if (this.#waiting.size > 0) this.#ask();
  }

  /** Revision of the store; rejects when `signal` aborts, as nothing comes without a link. */
  ask(signal: AbortSignal): Promise<number> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#waiting.delete(waiter);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        settle: (revision) => {
          signal.removeEventListener('abort', abort);
          resolve(revision);
        },
      };
      if (signal.aborted) return abort();
      signal.addEventListener('abort', abort, { once: true });
      this.#waiting.add(waiter);
      if (!this.#asked) this.#ask();
    });
  }

  #ask(): void {
    this.#asked = this.#waiting;
    this.#waiting = new Set();
    this.#question += 1;
    for (const listener of [...this.#listeners]) listener(this.#question);
  }
}
