import { EdgeplaneError, fail, isKind, type Logger, silentLogger, systemClock } from '@edgeplane/base';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { checkRequest } from './check-request.js';
import { storeErrors } from './errors.js';
import { type CallPolicy, EtcdCalls } from './etcd-calls.js';
import { EtcdCommit } from './etcd-commit.js';
import { prefixRange, toEntry, toRevision } from './etcd-convert.js';
import { EtcdKeepalive } from './etcd-lease.js';
import { isMark, meetsMarks } from './etcd-marks.js';
import { type WatchReads, watchRange } from './etcd-watch.js';
import {
  CompactionRequest,
  KVService,
  LeaseGrantRequest,
  LeaseRevokeRequest,
  LeaseService,
  RangeRequest,
  type RangeResponse,
} from './gen/etcd.js';
import { joinPages, PAGE_ENTRIES, untilListed } from './pages.js';
import type {
  CommitListener,
  GetResult,
  Lease,
  ListResult,
  Store,
  TxnRequest,
  TxnResult,
  WatchBatch,
} from './store.js';
import { TxnGroups } from './txn-groups.js';

export interface EtcdStoreOptions {
  /** For https urls; default: the system's certificate authorities. */
  readonly credentials?: ChannelCredentials;
  /** Hears when a watch had to be opened again. */
  readonly logger?: Logger;
}

const READ: CallPolicy = { timeoutMs: 2000, repeat: 'free' };
const FREE_WRITE: CallPolicy = { timeoutMs: 10_000, repeat: 'free' };

/**
 * An etcd cluster, version 3.4 or later. Reads and writes are linearizable; they take at most 2 s and 10 s and then fail.
 *
 * Lost answers. A write whose connection breaks after it was sent may have been applied, or may still be. It is sent again,
 * and takes effect once (see {@link EtcdCommit}); WRITE_UNCERTAIN is left for an etcd that stays away for longer than a write
 * may take, and for transactions of the largest size.
 */
export class EtcdStore implements Store {
  readonly kind = 'etcd';
  readonly #calls: EtcdCalls;
  readonly #logger: Logger;
  readonly #leases = new Map<string, { readonly id: bigint; readonly keepalive: EtcdKeepalive }>();
  readonly #committer: EtcdCommit;
  readonly #groups = new TxnGroups((request) => this.#commit(request));
  readonly #commitListeners = new Set<CommitListener>();
  #closing: Promise<void> | undefined;

  constructor(urls: readonly string[], options: EtcdStoreOptions = {}) {
    this.#calls = new EtcdCalls(urls, options.credentials);
    this.#committer = new EtcdCommit(this.#calls, this.#leases);
    this.#logger = options.logger ?? silentLogger;
  }

  /** Makes sure that the cluster answers. @throws EdgeplaneError STORE_UNAVAILABLE with urls and reason. */
  async probe(): Promise<void> {
    await this.get('\0');
    await this.#committer.sweep(
      async (prefix) => (await joinPages(this.#pages(prefix))).entries,
      this.#logger,
    );
  }

  async get(key: string): Promise<GetResult> {
    const response = await this.#range({ key: Buffer.from(key === '' ? '\0' : key) });
    const [kv] = response.kvs;
    return { entry: kv && toEntry(kv), revision: revisionOf(response) };
  }

  list(prefix: string): Promise<ListResult> {
    return untilListed(() => joinPages(this.listPages(prefix)));
  }

  async *listPages(prefix: string): AsyncGenerator<ListResult, void> {
    for await (const page of this.#pages(prefix)) {
      yield meetsMarks(prefix) ? { ...page, entries: page.entries.filter(({ key }) => !isMark(key)) } : page;
    }
  }

  async txn(request: TxnRequest): Promise<TxnResult> {
    this.#check();
    checkRequest(request);
    return this.#groups.txn(request);
  }

  onCommit(listener: CommitListener): () => void {
    this.#commitListeners.add(listener);
    return () => void this.#commitListeners.delete(listener);
  }

  async #commit(request: TxnRequest): Promise<TxnResult> {
    this.#check();
    const { own, ...result } = await this.#committer.run(request);
    if (own) for (const listener of this.#commitListeners) listener(result.revision, request.ops);
    return result;
  }

  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<WatchBatch> {
    this.#check();
    const range = prefixRange(prefix);
    const reads: WatchReads = {
      revision: async () => (await this.get('\0')).revision,
      writtenAfter: async (within, revision) => {
        const minModRevision = BigInt(revision + 1);
        const { kvs } = await this.#range({ ...within, minModRevision, limit: 1n, keysOnly: true });
        return kvs[0] && toRevision(kvs[0].modRevision);
      },
    };
    const either = AbortSignal.any([signal, this.#calls.closed]);
    const batches = watchRange(this.#calls, reads, range, after, either, this.#logger);
    return meetsMarks(prefix) ? withoutMarks(batches) : batches;
  }

  async lease(ttlSeconds: number): Promise<Lease> {
    this.#check();
    const asked = systemClock.monotonic();
    // A grant whose answer was lost leaves an unused lease behind, which ends by itself.
    const request = LeaseGrantRequest.fromPartial({ TTL: BigInt(Math.max(1, Math.ceil(ttlSeconds))) });
    const { response } = await this.#calls.call(LeaseService.leaseGrant, request, FREE_WRITE);
    const id = response.ID;
    const name = String(id);
    const keepalive = new EtcdKeepalive(this.#calls, id, Number(response.TTL), asked, () => {
      this.#leases.delete(name);
    });
    this.#leases.set(name, { id, keepalive });
    return { id: name, lost: keepalive.lost, revoke: () => this.#revoke(name, FREE_WRITE) };
  }

  /** Forgets all history up to and including `revision`. Operators do this on a schedule; the tests do it here. */
  async compact(revision: number): Promise<void> {
    const request = CompactionRequest.fromPartial({ revision: BigInt(revision), physical: true });
    await this.#calls.call(KVService.compact, request, FREE_WRITE);
  }

  /** Revokes this client's leases; one that etcd does not answer for ends with its time to live. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Ends this client as a killed process would: its leases go on until their time to live has passed. */
  async abandon(): Promise<void> {
    this.#closing ??= Promise.resolve();
    await Promise.all([...this.#leases.values()].map(({ keepalive }) => keepalive.stop()));
    this.#calls.close();
  }

  async #close(): Promise<void> {
    await Promise.allSettled([...this.#leases.keys()].map((name) => this.#revoke(name, READ)));
    this.#calls.close();
  }

  async #revoke(name: string, policy: CallPolicy): Promise<void> {
    const held = this.#leases.get(name);
    if (!held) return;
    this.#leases.delete(name);
    await held.keepalive.stop();
    try {
      await this.#calls.call(
        LeaseService.leaseRevoke,
        LeaseRevokeRequest.fromPartial({ ID: held.id }),
        policy,
      );
    } catch (error) {
      if (!isKind(error, storeErrors.LEASE_LOST)) throw error;
    }
  }

  /** As {@link listPages}, with marks; one page is read while the one before is taken apart. */
  async *#pages(prefix: string): AsyncGenerator<ListResult, void> {
    const { key, rangeEnd } = prefixRange(prefix);
    const limit = BigInt(PAGE_ENTRIES);
    let page = await this.#range({ key, rangeEnd, limit });
    const revision = revisionOf(page);
    for (;;) {
      const last = page.kvs.at(-1)?.key;
      const next =
        page.more && last
          ? this.#range({
              key: Buffer.concat([last, Buffer.from([0])]),
              rangeEnd,
              limit,
              revision: BigInt(revision),
            })
          : undefined;
      // Whoever has had enough of the pages does not wait for the next one.
      next?.catch(() => undefined);
      yield { entries: page.kvs.map(toEntry), revision };
      if (!next) return;
      page = await next;
    }
  }

  async #range(request: Partial<RangeRequest>): Promise<RangeResponse> {
    this.#check();
    return (await this.#calls.call(KVService.range, RangeRequest.fromPartial(request), READ)).response;
  }

  #check(): void {
    if (this.#closing) throw fail(storeErrors.STORE_CLOSED);
  }
}

async function* withoutMarks(batches: AsyncIterable<WatchBatch>): AsyncGenerator<WatchBatch, void> {
  for await (const { events, ...batch } of batches) {
    yield { ...batch, events: events.filter((e) => !isMark(e.type === 'put' ? e.entry.key : e.key)) };
  }
}

function revisionOf(response: { readonly header: { readonly revision: bigint } | undefined }): number {
  if (!response.header)
    throw new EdgeplaneError(storeErrors.STORE_UNAVAILABLE, 'etcd answered without a header');
  return toRevision(response.header.revision);
}
