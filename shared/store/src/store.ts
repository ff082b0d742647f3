/**
 * The one interface to durable state. Implementations: memory, lmdb (embedded), etcd.
 * The conformance suite (`conformance.ts`) is the definition of every sentence here.
 *
 * Revisions are positive safe integers. A store has one global revision; every transaction that writes
 * advances it by one, and all writes of a transaction share it. Transactions under way at the same time that have nothing
 * to do with each other (no key that one writes is compared, or written with another value, by the other) may share one.
 */
export interface Store {
  readonly kind: 'memory' | 'lmdb' | 'etcd';

  /** Reads one key. `entry` is undefined when the key is absent. Linearizable: sees every acknowledged write. */
  get(key: string): Promise<GetResult>;

  /** Reads every key that starts with `prefix`, ordered by key bytes, as of one revision. */
  list(prefix: string): Promise<ListResult>;

  /**
   * The same in pages, all as of the revision of the first, for listings that need not be held as a whole. At least one
   * page; keys go on in order from page to page. Throws `COMPACTED` when that revision is no longer kept: begin again.
   */
  listPages(prefix: string): AsyncIterable<ListResult>;

  /**
   * Applies all `ops` at once if every compare holds, otherwise none. Durable when it returns.
   * With no ops it only compares. The same key must not occur in two ops. Deleting an absent key is not a write.
   * @throws EdgeplaneError TXN_INVALID, TXN_TOO_LARGE, LEASE_LOST, STORE_UNAVAILABLE: nothing was written.
   * WRITE_UNCERTAIN: it may have been written or not; only a store behind a network throws it.
   */
  txn(request: TxnRequest): Promise<TxnResult>;

  /**
   * Follows changes below `prefix` with revisions greater than `after`, in revision order, each revision once and
   * whole. Survives loss of the connection by itself (it resumes after the last revision it delivered).
   * Also yields batches without events as progress marks, so that a reader can tell idle from dead; the first at once
   * when there is nothing to catch up with. A mark promises nothing about when changes outside the prefix are reported.
   * Ends when `signal` aborts or the store is closed. Throws `COMPACTED` when changes after `after` are no longer all
   * known, or when the store is older than `after` (it was replaced): list, then watch again.
   */
  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<WatchBatch>;

  /**
   * Grants a lease and keeps it alive until it is revoked or lost. Keys put with it vanish when it ends:
   * at once on `revoke`, within about `ttlSeconds` when the process dies.
   */
  lease(ttlSeconds: number): Promise<Lease>;

  /**
   * Calls `listener` with what a revision wrote, all of it, for revisions that this client knows for certain to be its
   * own; before the `txn` returns. Only stores whose watch takes a way of its own have it.
   */
  onCommit?(listener: CommitListener): () => void;

  /** Closes the store; open watches end, leases of this process end. */
  close(): Promise<void>;
}

export interface Entry {
  readonly key: string;
  readonly value: string;
  /** Revision of the last write of this key. */
  readonly revision: number;
}

export interface GetResult {
  readonly entry: Entry | undefined;
  /** Store revision at which the read was made. */
  readonly revision: number;
}

export interface ListResult {
  readonly entries: readonly Entry[];
  readonly revision: number;
}

/** Holds when the key's last write has this revision; 0 means the key is absent. */
export interface Compare {
  readonly key: string;
  readonly revision: number;
}

export type Op =
  | { readonly type: 'put'; readonly key: string; readonly value: string; readonly lease?: Lease }
  | { readonly type: 'delete'; readonly key: string };

export interface TxnRequest {
  readonly compare?: readonly Compare[];
  readonly ops: readonly Op[];
}

export interface TxnResult {
  /** False when a compare did not hold; nothing was written then. */
  readonly succeeded: boolean;
  /** Revision of the writes, or the revision at which it was found that there is nothing to write. */
  readonly revision: number;
}

export type CommitListener = (revision: number, ops: readonly Op[]) => void;

export type WatchEvent =
  | { readonly type: 'put'; readonly entry: Entry }
  | { readonly type: 'delete'; readonly key: string };

export interface WatchBatch {
  /** Everything below the prefix up to and including this revision has been delivered. */
  readonly revision: number;
  readonly events: readonly WatchEvent[];
}

export interface Lease {
  readonly id: string;
  /** Resolves with the reason when the lease is gone without having been revoked; never rejects. */
  readonly lost: Promise<Error>;
  revoke(): Promise<void>;
}
