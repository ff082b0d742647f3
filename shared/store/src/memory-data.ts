import { fail } from '@edgeplane/base';
import { type Change, ChangeFeed, type ChangeLog } from './change-feed.js';
import { storeErrors } from './errors.js';
import { lowerBound } from './keys.js';
import type { Entry, TxnRequest, TxnResult, WatchEvent } from './store.js';

interface Held {
  readonly entry: Entry;
  readonly lease: string | undefined;
}

/** The data of memory stores, apart from who uses it. Starts at revision 1, as etcd does. */
export class MemoryData implements ChangeLog {
  readonly feed: ChangeFeed = new ChangeFeed(this);
  readonly #keep: number;
  readonly #held = new Map<string, Held>();
  /** Keys in byte order. */
  readonly #keys: string[] = [];
  readonly #leases = new Map<string, Set<string>>();
  #log: Change[] = [];
  #revision = 1;
  #compacted = 1;
  #lastLease = 0;

  constructor(keepRevisions: number) {
    this.#keep = keepRevisions;
  }

  revision(): number {
    return this.#revision;
  }

  compacted(): number {
    return this.#compacted;
  }

  read(after: number, limit: number): readonly Change[] {
    // Revisions have no gaps, so the place of a change follows from its number.
    const start = Math.max(0, after - this.#compacted);
    return this.#log.slice(start, start + limit);
  }

  get(key: string): Entry | undefined {
    return this.#held.get(key)?.entry;
  }

  list(prefix: string): Entry[] {
    const entries: Entry[] = [];
    for (let i = lowerBound(this.#keys, prefix); i < this.#keys.length; i++) {
      const key = this.#keys[i] ?? '';
      if (!key.startsWith(prefix)) break;
      const entry = this.get(key);
      if (entry) entries.push(entry);
    }
    return entries;
  }

  txn(request: TxnRequest): TxnResult {
    for (const { key, revision } of request.compare ?? []) {
      if ((this.get(key)?.revision ?? 0) !== revision) return { succeeded: false, revision: this.#revision };
    }
    for (const op of request.ops) {
      if (op.type === 'put' && op.lease && !this.#leases.has(op.lease.id)) {
        throw fail(storeErrors.LEASE_LOST, { id: op.lease.id });
      }
    }
    const revision = this.#revision + 1;
    const events: WatchEvent[] = [];
    for (const op of request.ops) {
      if (op.type === 'put') {
        const entry = { key: op.key, value: op.value, revision };
        this.#put(entry, op.lease?.id);
        events.push({ type: 'put', entry });
      } else if (this.#delete(op.key)) {
        events.push({ type: 'delete', key: op.key });
      }
    }
    this.#record(revision, events);
    return { succeeded: true, revision: this.#revision };
  }

  grant(): string {
    const id = String(++this.#lastLease);
    this.#leases.set(id, new Set());
    return id;
  }

  /** Ends a lease: its keys vanish in one revision. */
  revoke(id: string): void {
    const keys = this.#leases.get(id);
    if (!keys) return;
    const events: WatchEvent[] = [...keys].map((key) => ({ type: 'delete', key }));
    for (const key of keys) this.#delete(key);
    this.#leases.delete(id);
    this.#record(this.#revision + 1, events);
  }

  compact(revision: number): void {
    const upTo = Math.min(revision, this.#revision);
    if (upTo <= this.#compacted) return;
    this.#log = this.#log.slice(upTo - this.#compacted);
    this.#compacted = upTo;
    this.feed.notify();
  }

  #record(revision: number, events: readonly WatchEvent[]): void {
    if (events.length === 0) return;
    this.#revision = revision;
    this.#log.push({ revision, events });
    // Trimmed by halves, so that a write does not move the whole log.
    if (this.#log.length >= 2 * this.#keep) this.compact(revision - this.#keep);
    this.feed.notify();
  }

  #put(entry: Entry, lease: string | undefined): void {
    const before = this.#held.get(entry.key);
    if (before === undefined) this.#keys.splice(lowerBound(this.#keys, entry.key), 0, entry.key);
    if (before?.lease !== undefined) this.#leases.get(before.lease)?.delete(entry.key);
    this.#held.set(entry.key, { entry, lease });
    if (lease !== undefined) this.#leases.get(lease)?.add(entry.key);
  }

  #delete(key: string): boolean {
    const held = this.#held.get(key);
    if (!held) return false;
    this.#held.delete(key);
    this.#keys.splice(lowerBound(this.#keys, key), 1);
    if (held.lease !== undefined) this.#leases.get(held.lease)?.delete(key);
    return true;
  }
}
