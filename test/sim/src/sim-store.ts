import { fail, type Random } from '@edgeplane/base';
import {
  type CommitListener,
  type GetResult,
  type Lease,
  type ListResult,
  MemoryStore,
  type Op,
  pagesOf,
  type Store,
  storeErrors,
  type TxnRequest,
  type TxnResult,
  type WatchBatch,
} from '@edgeplane/store';
import { between, happens } from './chance.js';
import type { Scheduler } from './scheduler.js';
import type { SimNode } from './sim-node.js';

/** Time of one way to the store and back, milliseconds. */
const WAY_MS = [0.2, 3] as const;
/** How long a client waits for a store that does not answer, milliseconds. */
const PATIENCE_MS = 500;

/** What can be wrong with the store, for all its clients. */
export interface StoreFaults {
  /** Nobody is answered. */
  outage: boolean;
  /** Probability that the answer to a write is lost. */
  uncertain: number;
  /** Longest time that changes take to reach a watch, milliseconds. */
  watchLagMs: number;
}

/** The store of a run, which its clients reach over a network. Its data outlives everything. */
export class SimStore {
  readonly faults: StoreFaults = { outage: false, uncertain: 0, watchLagMs: 10 };
  /** The data without what is in the way, for checks. */
  readonly data: MemoryStore;
  readonly #scheduler: Scheduler;
  readonly #clients = new Set<StoreClient>();

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
    this.data = new MemoryStore({
      keepRevisions: 500,
      clock: {
        now: () => scheduler.now,
        monotonic: () => scheduler.now,
        after: (ms, fn) => scheduler.after(ms, 'store timer', fn),
      },
    });
  }

  connect(node: SimNode): Store {
    const client = new StoreClient(this.data.connect(), this.faults, node, this.#scheduler);
    this.#clients.add(client);
    node.onKill(() => {
      this.#clients.delete(client);
      client.crash();
    });
    return client;
  }

  /** Breaks every watch off. */
  cutWatches(): void {
    for (const client of this.#clients) client.cutWatches();
  }

  /** Ends the leases of one of the clients. */
  loseLeases(random: Random): void {
    const clients = [...this.#clients];
    clients[Math.floor(random.next() * clients.length)]?.loseLeases();
  }

  async compact(): Promise<void> {
    const { revision } = await this.data.get('');
    this.data.compact(revision);
  }
}

/** The store as one process has it: everything takes time, and may not be answered. */
class StoreClient implements Store {
  // Behaves as etcd does, but nobody may rely on the kind.
  readonly kind = 'memory';
  readonly #inner: MemoryStore;
  readonly #faults: StoreFaults;
  readonly #node: SimNode;
  readonly #scheduler: Scheduler;
  readonly #listeners = new Set<CommitListener>();
  #cuts = new Set<() => void>();

  constructor(inner: MemoryStore, faults: StoreFaults, node: SimNode, scheduler: Scheduler) {
    this.#inner = inner;
    this.#faults = faults;
    this.#node = node;
    this.#scheduler = scheduler;
  }

  get(key: string): Promise<GetResult> {
    return this.#ask('get', () => this.#inner.get(key));
  }

  list(prefix: string): Promise<ListResult> {
    return this.#ask('list', () => this.#inner.list(prefix));
  }

  async *listPages(prefix: string): AsyncGenerator<ListResult, void> {
    yield* pagesOf(await this.list(prefix));
  }

  async txn(request: TxnRequest): Promise<TxnResult> {
    const writes = request.ops.length > 0;
    const result = await this.#ask('txn', () => this.#inner.txn(request), writes);
    if (result.succeeded && writes) this.#tell(result.revision, request.ops);
    return result;
  }

  async *watch(prefix: string, after: number, signal: AbortSignal): AsyncGenerator<WatchBatch, void> {
    let cut = false;
    const cutOff = new AbortController();
    const onCut = () => {
      cut = true;
      cutOff.abort();
    };
    this.#cuts.add(onCut);
    try {
      const source = this.#inner.watch(prefix, after, AbortSignal.any([signal, cutOff.signal]));
      for await (const batch of source) {
        do await this.#wait(between(this.#node.random, 0.1, this.#faults.watchLagMs), 'watch');
        while (this.#faults.outage && !cut);
        if (cut) break;
        yield batch;
      }
      if (cut && !signal.aborted) throw this.#unavailable('the watch was cut');
    } finally {
      this.#cuts.delete(onCut);
    }
  }

  async lease(ttlSeconds: number): Promise<Lease> {
    const lease = await this.#ask('lease', () => this.#inner.lease(ttlSeconds));
    return { id: lease.id, lost: lease.lost, revoke: () => this.#ask('revoke', () => lease.revoke()) };
  }

  onCommit(listener: CommitListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  crash(): void {
    this.#inner.crash();
  }

  loseLeases(): void {
    this.#inner.loseLeases();
  }

  cutWatches(): void {
    for (const cut of [...this.#cuts]) cut();
  }

  /** A request that is on its way arrives also when whoever sent it dies; the answer reaches only the living. */
  #ask<T>(what: string, work: () => Promise<T>, writes = false): Promise<T> {
    const { random, name } = this.#node;
    const faults = this.#faults;
    if (!this.#node.alive) return new Promise(() => undefined);
    return new Promise((resolve, reject) => {
      const answer = (ms: number, fn: () => void) => this.#node.after(ms, `${what} answered`, fn);
      this.#scheduler.after(between(random, ...WAY_MS), `${name} ${what}`, () => {
        if (faults.outage) {
          answer(PATIENCE_MS, () => reject(this.#unavailable('no answer')));
          return;
        }
        work().then(
          (result) => {
            const lost = writes && happens(random, faults.uncertain);
            answer(lost ? PATIENCE_MS : between(random, ...WAY_MS), () => {
              if (lost)
                reject(fail(storeErrors.WRITE_UNCERTAIN, { store: 'sim', reason: 'the answer was lost' }));
              else resolve(result);
            });
          },
          (error: unknown) => answer(between(random, ...WAY_MS), () => reject(error)),
        );
      });
    });
  }

  #wait(ms: number, what: string): Promise<void> {
    return new Promise((resolve) => this.#node.after(ms, what, resolve));
  }

  #tell(revision: number, ops: readonly Op[]): void {
    for (const listener of this.#listeners) listener(revision, ops);
  }

  #unavailable(reason: string): Error {
    return fail(storeErrors.STORE_UNAVAILABLE, { store: 'sim', reason });
  }
}
