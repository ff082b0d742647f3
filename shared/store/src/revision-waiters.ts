import { type Deferred, deferred } from '@edgeplane/base';

interface Waiter {
  readonly revision: number;
  readonly done: Deferred<void>;
}

/** Those who wait for a revision, lowest first. */
export class RevisionWaiters {
  readonly #waiters: Waiter[] = [];

  get size(): number {
    return this.#waiters.length;
  }

  /** Stands for the one who waits for the lowest revision; another value once that one no longer waits. */
  get first(): unknown {
    return this.#waiters[0];
  }

  /** Resolves when {@link release} is called with this revision or a later one; rejects with the signal's reason. */
  async wait(revision: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const waiter: Waiter = { revision, done: deferred() };
    // Revisions mostly come in rising order, so the place is near the end.
    let at = this.#waiters.length;
    while (at > 0 && (this.#waiters[at - 1]?.revision ?? 0) > revision) at--;
    this.#waiters.splice(at, 0, waiter);
    const onAbort = () => {
      const index = this.#waiters.indexOf(waiter);
      if (index >= 0) this.#waiters.splice(index, 1);
      waiter.done.reject(signal?.reason);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await waiter.done.promise;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  release(revision: number): void {
    let count = 0;
    while (count < this.#waiters.length && (this.#waiters[count]?.revision ?? 0) <= revision) count++;
    for (const { done } of this.#waiters.splice(0, count)) done.resolve();
  }

  rejectAll(error: unknown): void {
    for (const { done } of this.#waiters.splice(0)) done.reject(error);
  }
}
