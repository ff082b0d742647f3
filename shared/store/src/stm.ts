import { Backoff, type Clock, fail, type Random, sleep, systemClock, systemRandom } from '@edgeplane/base';
import { storeErrors } from './errors.js';
import type { Entry, Lease, Op, Store } from './store.js';

/** What the function of a transaction sees. */
export interface StmTx {
  /** Reads a key: an own write comes first, and is undefined after an own delete. An own put has revision 0. */
  get(key: string): Promise<Entry | undefined>;
  /**
   * Counts as a read that gave this revision, 0 for absent: for a value that is known from elsewhere and may be old. If it
   * is, the function runs again.
   */
  rely(key: string, revision: number): void;
  put(key: string, value: string, lease?: Lease): void;
  delete(key: string): void;
}

export interface StmOptions {
  /** Runs of the function before TXN_CONFLICT; default 64. */
  readonly attempts?: number;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface StmResult<T> {
  readonly value: T;
  /** Revision of the writes; with none, one at which everything read was current. */
  readonly revision: number;
}

const BACKOFF = { base: 4, max: 250 };

/**
 * Software transaction (controller spec section 7): runs `fn` and writes what it put and deleted if nothing it read has
 * changed meanwhile, otherwise runs it again. `fn` must have no other effects. A key written without having been read is
 * written blindly: the last writer wins, which keeps transactions serializable and differs from the reference only in
 * that two blind writers never conflict; read the key first where that matters.
 *
 * When `fn` throws, nothing is written; the error is passed on only if what was read is still current, because two reads
 * of different moments may contradict each other. The store's own errors, WRITE_UNCERTAIN included, are passed on as
 * they are: a run that may have been written is never repeated.
 * @throws EdgeplaneError TXN_CONFLICT after `attempts` runs; the reason of `signal`.
 */
export async function stm<T>(
  store: Store,
  fn: (tx: StmTx) => Promise<T>,
  options: StmOptions = {},
): Promise<StmResult<T>> {
  const { attempts = 64, signal, clock = systemClock, random = systemRandom } = options;
  const backoff = new Backoff(BACKOFF, random);
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    const result = await runOnce(store, fn);
    if (result !== undefined) return result;
    if (attempt >= attempts) throw fail(storeErrors.TXN_CONFLICT, { attempts });
    // The first repeat at once: what was in the way has been written, or was only known late.
    if (attempt > 1) await sleep(clock, backoff.next(), signal);
  }
}

/** One run; undefined when something read has changed. */
async function runOnce<T>(store: Store, fn: (tx: StmTx) => Promise<T>): Promise<StmResult<T> | undefined> {
  const run = new Run(store);
  let value: T;
  try {
    value = await fn(run);
  } catch (error) {
    if (run.readFailure !== undefined) throw run.readFailure;
    if (run.compares().length === 0) throw error;
    const still = await store.txn({ compare: run.compares(), ops: [] });
    if (still.succeeded) throw error;
    return undefined;
  }
  if (run.readFailure !== undefined) throw run.readFailure;
  const { succeeded, revision } = await store.txn({ compare: run.compares(), ops: run.ops() });
  return succeeded ? { value, revision } : undefined;
}

class Run implements StmTx {
  readonly #store: Store;
  readonly #reads = new Map<string, Promise<Entry | undefined>>();
  readonly #revisions = new Map<string, number>();
  readonly #writes = new Map<string, Op>();
  /** What the store threw on a read: never an answer of `fn`, even if that swallowed it. */
  readFailure: unknown;

  constructor(store: Store) {
    this.#store = store;
  }

  async get(key: string): Promise<Entry | undefined> {
    const own = this.#writes.get(key);
    if (own?.type === 'delete') return undefined;
    if (own) return { key, value: own.value, revision: 0 };
    const known = this.#reads.get(key);
    if (known) return known;
    const read = this.#read(key);
    this.#reads.set(key, read);
    return read;
  }

  rely(key: string, revision: number): void {
    if (!this.#reads.has(key) && !this.#revisions.has(key)) this.#revisions.set(key, revision);
  }

  put(key: string, value: string, lease?: Lease): void {
    this.#writes.set(key, { type: 'put', key, value, ...(lease && { lease }) });
  }

  delete(key: string): void {
    this.#writes.set(key, { type: 'delete', key });
  }

  compares() {
    return [...this.#revisions].map(([key, revision]) => ({ key, revision }));
  }

  ops(): Op[] {
    return [...this.#writes.values()];
  }

  async #read(key: string): Promise<Entry | undefined> {
    try {
      const { entry } = await this.#store.get(key);
      this.#revisions.set(key, entry?.revision ?? 0);
      return entry;
    } catch (error) {
      this.readFailure ??= error;
      throw error;
    }
  }
}
