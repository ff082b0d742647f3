import { type Clock, deferred, fail, systemClock } from '@edgeplane/base';
import { checkRequest } from './check-request.js';
import { storeErrors } from './errors.js';
import { MemoryData } from './memory-data.js';
import { pagesOf } from './pages.js';
import type { GetResult, Lease, ListResult, Store, TxnRequest, TxnResult, WatchBatch } from './store.js';

export interface MemoryStoreOptions {
  /** Times the end of leases after {@link MemoryStore.crash}; default the machine's clock. */
  readonly clock?: Clock;
  /** How many revisions of history are kept for watches; default 10,000. */
  readonly keepRevisions?: number;
}

interface HeldLease {
  readonly ttlMs: number;
  lose(error: Error): void;
}

/**
 * A store in this process's memory, for tests, the simulation and short-lived set-ups. Deterministic: nothing happens
 * but by a call or the clock. Several clients of the same data ({@link MemoryStore.connect}) stand for several
 * processes; `crash`, `loseLeases` and `setUnavailable` make them fail on command.
 */
export class MemoryStore implements Store {
  readonly kind = 'memory';
  readonly #clock: Clock;
  readonly #data: MemoryData;
  readonly #leases = new Map<string, HeldLease>();
  readonly #end = new AbortController();
  #unavailable: string | undefined;

  constructor(options: MemoryStoreOptions = {}, data?: MemoryData) {
    this.#clock = options.clock ?? systemClock;
    this.#data = data ?? new MemoryData(options.keepRevisions ?? 10_000);
  }

  /** Another client of the same data, with leases and an end of its own. */
  connect(): MemoryStore {
    return new MemoryStore({ clock: this.#clock }, this.#data);
  }

  async get(key: string): Promise<GetResult> {
    this.#check();
    return { entry: this.#data.get(key), revision: this.#data.revision() };
  }

  async list(prefix: string): Promise<ListResult> {
    this.#check();
    return { entries: this.#data.list(prefix), revision: this.#data.revision() };
  }

  async *listPages(prefix: string): AsyncGenerator<ListResult, void> {
    for (const page of pagesOf(await this.list(prefix))) {
      this.#check();
      yield page;
    }
  }

  async txn(request: TxnRequest): Promise<TxnResult> {
    this.#check();
    checkRequest(request);
    return this.#data.txn(request);
  }

  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<WatchBatch> {
    if (this.#end.signal.aborted) throw fail(storeErrors.STORE_CLOSED);
    return this.#data.feed.follow(prefix, after, AbortSignal.any([signal, this.#end.signal]));
  }

  async lease(ttlSeconds: number): Promise<Lease> {
    this.#check();
    const id = this.#data.grant();
    const lost = deferred<Error>();
    this.#leases.set(id, { ttlMs: ttlSeconds * 1000, lose: lost.resolve });
    return {
      id,
      lost: lost.promise,
      revoke: async () => {
        if (this.#leases.delete(id)) this.#data.revoke(id);
      },
    };
  }

  async close(): Promise<void> {
    if (this.#end.signal.aborted) return;
    this.#end.abort();
    for (const id of this.#leases.keys()) this.#data.revoke(id);
    this.#leases.clear();
  }

  /** Ends this client as a killed process would: its leases go on until their time to live has passed. */
  crash(): void {
    if (this.#end.signal.aborted) return;
    this.#end.abort();
    for (const [id, { ttlMs }] of this.#leases) this.#clock.after(ttlMs, () => this.#data.revoke(id));
    this.#leases.clear();
  }

  /** Ends this client's leases as if no keepalive had arrived. */
  loseLeases(): void {
    for (const [id, held] of this.#leases) {
      this.#data.revoke(id);
      held.lose(fail(storeErrors.LEASE_LOST, { id }));
    }
    this.#leases.clear();
  }

  /** Makes every call but `watch` fail with STORE_UNAVAILABLE and this reason; undefined ends that. */
  setUnavailable(reason: string | undefined): void {
    this.#unavailable = reason;
  }

  /** Forgets all history up to and including `revision`, as etcd's compaction does. */
  compact(revision: number): void {
    this.#data.compact(revision);
  }

  #check(): void {
    if (this.#end.signal.aborted) throw fail(storeErrors.STORE_CLOSED);
    if (this.#unavailable !== undefined) {
      throw fail(storeErrors.STORE_UNAVAILABLE, { store: 'memory', reason: this.#unavailable });
    }
  }
}
