import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Deferred,
  deferred,
  EdgeplaneError,
  fail,
  messageOf,
  type ProcessLock,
  takeProcessLock,
} from '@edgeplane/base';
import type { RootDatabase } from 'lmdb';
import { ChangeFeed } from './change-feed.js';
import { checkRequest } from './check-request.js';
import { storeErrors } from './errors.js';
import { headerFault, walkFault } from './lmdb-check.js';
import { LmdbData } from './lmdb-data.js';
import { pagesOf } from './pages.js';
import type { GetResult, Lease, ListResult, Store, TxnRequest, TxnResult, WatchBatch } from './store.js';

export interface LmdbStoreOptions {
  /** How many revisions of history are kept for watches; default 10,000. */
  readonly keepRevisions?: number;
}

interface Waiting {
  /** Made inside the write transaction, when everything queued before has been applied. */
  readonly request: () => TxnRequest;
  readonly done: Deferred<TxnResult>;
}

/**
 * The embedded store: one folder, one process. A transaction returns after its commit was flushed to disk; transactions
 * that wait at the same time share a commit. Leases live as long as this process: keys left on a lease by a previous one
 * are deleted when the store is opened, whatever their time to live, because their only possible owner is gone.
 */
export class LmdbStore implements Store {
  readonly kind = 'lmdb';
  readonly #name: string;
  readonly #root: RootDatabase;
  readonly #data: LmdbData;
  readonly #lock: ProcessLock;
  readonly #keep: number;
  readonly #feed: ChangeFeed;
  readonly #leases = new Set<string>();
  #queue: Waiting[] = [];
  #writer: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #lastLease = 0;

  private constructor(name: string, root: RootDatabase, data: LmdbData, lock: ProcessLock, keep: number) {
    this.#name = name;
    this.#root = root;
    this.#data = data;
    this.#lock = lock;
    this.#keep = keep;
    this.#feed = new ChangeFeed(data);
  }

  /**
   * Opens the store in a folder, which is created when missing (0700, its files 0600). An existing file is read through
   * by a process of its own first, since a damaged one would end this process.
   * @throws EdgeplaneError STORE_IN_USE, STORE_CORRUPT, STORE_UNAVAILABLE (no access, no native module).
   */
  static async open(dir: string, options: LmdbStoreOptions = {}): Promise<LmdbStore> {
    const name = `lmdb:${dir}`;
    let lock: ProcessLock;
    try {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      const taken = takeProcessLock(dir);
      if ('heldBy' in taken) throw fail(storeErrors.STORE_IN_USE, { store: name, pid: taken.heldBy });
      lock = taken;
    } catch (error) {
      throw asStoreError(name, error);
    }
    let root: RootDatabase | undefined;
    try {
      root = await openRoot(join(dir, 'store.mdb'), name);
      const data = new LmdbData(root, name);
      const store = new LmdbStore(name, root, data, lock, options.keepRevisions ?? 10_000);
      await store.#endLeases();
      return store;
    } catch (error) {
      await root?.close();
      lock.release();
      throw asStoreError(name, error);
    }
  }

  async get(key: string): Promise<GetResult> {
    this.#check();
    return this.#snapshot(() => ({ entry: this.#data.get(key), revision: this.#data.revision() }));
  }

  async list(prefix: string): Promise<ListResult> {
    this.#check();
    return this.#snapshot(() => ({ entries: this.#data.list(prefix), revision: this.#data.revision() }));
  }

  /** Read as a whole: a cursor must not be open across an await. */
  async *listPages(prefix: string): AsyncGenerator<ListResult, void> {
    for (const page of pagesOf(await this.list(prefix))) {
      this.#check();
      yield page;
    }
  }

  async txn(request: TxnRequest): Promise<TxnResult> {
    this.#check();
    checkRequest(request);
    return this.#enqueue(() => request);
  }

  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<WatchBatch> {
    this.#check();
    return this.#feed.follow(prefix, after, signal);
  }

  async lease(_ttlSeconds: number): Promise<Lease> {
    this.#check();
    const id = `${process.pid}-${++this.#lastLease}`;
    this.#leases.add(id);
    return {
      id,
      // The owner of the data and of the lease are one process: neither can outlive the other.
      lost: new Promise(() => undefined),
      revoke: async () => {
        if (this.#leases.delete(id)) await this.#endLeases(id);
      },
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#leases.clear();
    try {
      await this.#endLeases();
    } finally {
      this.#feed.close();
      await this.#root.close();
      this.#lock.release();
    }
  }

  /** Reads are synchronous, so what they see belongs to one moment once the reader is at the newest commit. */
  #snapshot<T>(read: () => T): T {
    this.#root.resetReadTxn();
    return read();
  }

  /** Deletes the keys of a lease, or of all, in one revision. */
  async #endLeases(lease?: string): Promise<void> {
    await this.#enqueue(() => ({
      ops: this.#data.leasedKeys(lease).map((key) => ({ type: 'delete', key })),
    }));
  }

  #enqueue(request: () => TxnRequest): Promise<TxnResult> {
    const done = deferred<TxnResult>();
    this.#queue.push({ request, done });
    this.#writer ??= this.#writeAll();
    return done.promise;
  }

  /** The only writer: everything queued goes into one commit, until nothing is queued. Never rejects. */
  async #writeAll(): Promise<void> {
    // Leaves the caller's stack, so that calls of the same turn share the first commit too.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      await this.#commit(batch);
    }
    this.#writer = undefined;
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    let outcomes: (() => void)[] = [];
    try {
      // Resolves after the flush, because overlappingSync is off. A child transaction, because only that one takes
      // back what was written before the callback threw.
      await this.#root.childTransaction(() => {
        outcomes = batch.map(({ request, done }) => this.#write(request(), done));
      });
    } catch (error) {
      for (const { done } of batch) done.reject(asStoreError(this.#name, error));
      return;
    }
    this.#root.resetReadTxn();
    this.#feed.notify();
    for (const settle of outcomes) settle();
  }

  /** Writes one request; returns how to tell its caller once it is durable. */
  #write(request: TxnRequest, done: Deferred<TxnResult>): () => void {
    const lost = request.ops.find((op) => op.type === 'put' && op.lease && !this.#leases.has(op.lease.id));
    if (lost?.type === 'put') {
      return () => done.reject(fail(storeErrors.LEASE_LOST, { id: lost.lease?.id ?? '' }));
    }
    const result = this.#data.write(request, this.#keep);
    return () => done.resolve(result);
  }

  #check(): void {
    if (this.#closing) throw fail(storeErrors.STORE_CLOSED);
  }
}

async function openRoot(path: string, name: string): Promise<RootDatabase> {
  if (existsSync(path)) {
    const fault = headerFault(path) ?? (await walkFault(path));
    if (fault !== undefined) throw fail(storeErrors.STORE_CORRUPT, { store: name, reason: fault });
  } else {
    // Made here, because lmdb would make it readable for others.
    closeSync(openSync(path, 'a', 0o600));
  }
  const { open } = await import('lmdb');
  // No noSync, no overlappingSync: a commit is written, flushed with fdatasync, and only then made visible.
  const root = open({ path, noSubdir: true, maxDbs: 8, overlappingSync: false });
  chmodSync(path, 0o600);
  chmodSync(`${path}-lock`, 0o600);
  return root;
}

function asStoreError(store: string, error: unknown): Error {
  if (error instanceof EdgeplaneError) return error;
  return fail(storeErrors.STORE_UNAVAILABLE, { store, reason: messageOf(error) }, { cause: error });
}
