import { fail, isKind, type Logger, messageOf, systemClock } from '@edgeplane/base';
import { TXN_LIMITS } from './check-request.js';
import { storeErrors } from './errors.js';
import type { CallPolicy, EtcdCalls } from './etcd-calls.js';
import { toEntry, toRevision, toWireTxn } from './etcd-convert.js';
import { isForgotten, MARKS, Marks, type Slot } from './etcd-marks.js';
import { KVService, type TxnResponse } from './gen/etcd.js';
import type { Entry, TxnRequest, TxnResult } from './store.js';

const READ: CallPolicy = { timeoutMs: 2000, repeat: 'free' };
/** At most one of several repeats can take effect: the mark sees to it. */
const MARKED_WRITE: CallPolicy = { timeoutMs: 10_000, repeat: 'guarded' };
const WRITE: CallPolicy = { timeoutMs: 10_000, repeat: 'never' };

export interface Committed extends TxnResult {
  /** Whether `revision` is that of this transaction's own writes. */
  readonly own: boolean;
}

/**
 * Carries out transactions on etcd exactly once, also when answers are lost and members of the cluster die: see
 * {@link Marks}. A transaction so large that no mark fits in, or that may have nothing to write, is tried once.
 */
export class EtcdCommit {
  readonly #calls: EtcdCalls;
  readonly #leases: ReadonlyMap<string, { readonly id: bigint }>;
  readonly #marks = new Marks();

  /** `leases`: etcd's ids of the leases that requests may name. */
  constructor(calls: EtcdCalls, leases: ReadonlyMap<string, { readonly id: bigint }>) {
    this.#calls = calls;
    this.#leases = leases;
  }

  /**
   * Carries out a checked request.
   * @throws EdgeplaneError STORE_UNAVAILABLE (certainly not carried out), WRITE_UNCERTAIN (etcd was gone for too long to
   * find out), LEASE_LOST, STORE_CLOSED
   */
  async run(request: TxnRequest): Promise<Committed> {
    const { ops, compare = [] } = request;
    if (ops.length === 0) return this.#once(request, READ);
    const full = ops.length >= TXN_LIMITS.ops || compare.length >= TXN_LIMITS.compares;
    if (full || !surelyWrites(request)) return this.#once(request, WRITE);
    const slot = this.#marks.take(systemClock.now());
    try {
      const result = await this.#marked(request, slot);
      this.#marks.release(slot);
      return result;
    } catch (error) {
      // Of any other failure it is certain that nothing was written, and that nothing will be.
      if (!isKind(error, storeErrors.WRITE_UNCERTAIN)) this.#marks.release(slot);
      throw error;
    }
  }

  /** Removes marks of clients that are gone, among those that `list` finds. */
  async sweep(list: (prefix: string) => Promise<readonly Entry[]>, logger: Logger): Promise<void> {
    try {
      const now = systemClock.now();
      const old = (await list(MARKS)).filter((entry) => isForgotten(entry, now)).slice(0, TXN_LIMITS.ops);
      if (old.length === 0) return;
      const ops = old.map(({ key }) => ({ type: 'delete', key }) as const);
      await this.#once({ compare: old.map(({ key, revision }) => ({ key, revision })), ops }, WRITE);
    } catch (error) {
      logger.debug({ reason: messageOf(error) }, 'Old marks stay for the next start');
    }
  }

  async #marked(request: TxnRequest, slot: Slot): Promise<Committed> {
    const { ops, compare = [] } = request;
    for (;;) {
      const marked = { compare: [...compare, slot.compare], ops: [...ops, slot.put] };
      const { response, uncertain } = await this.#call(marked, MARKED_WRITE, slot.key);
      if (response.succeeded) return this.#applied(slot, revisionOf(response));
      const found = foundIn(response);
      // An earlier try of this very transaction was carried out; only its answer was lost.
      if (found?.value === slot.value) return this.#applied(slot, found.revision);
      const revision = found?.revision ?? 0;
      if (revision === slot.revision) {
        const refused = { succeeded: false, revision: revisionOf(response), own: false };
        // One that is still on its way must not come true once it was reported as refused.
        if (uncertain === undefined || (await this.#fence(slot))) return refused;
      } else slot.revision = revision;
    }
  }

  #applied(slot: Slot, revision: number): Committed {
    slot.revision = revision;
    return { succeeded: true, revision, own: true };
  }

  /** Moves the slot on, so that no try that is still on its way finds it as it was. False when one was faster. */
  async #fence(slot: Slot): Promise<boolean> {
    const put = { ...slot.put, value: `fence ${slot.value}` };
    const { response } = await this.#call({ compare: [slot.compare], ops: [put] }, MARKED_WRITE, slot.key);
    const found = foundIn(response);
    if (!response.succeeded && found?.value !== put.value) return false;
    slot.revision = response.succeeded ? revisionOf(response) : (found?.revision ?? 0);
    return true;
  }

  async #once(request: TxnRequest, policy: CallPolicy): Promise<Committed> {
    const { response, uncertain } = await this.#call(request, policy);
    if (!response.succeeded && uncertain !== undefined && request.ops.length > 0) {
      throw fail(storeErrors.WRITE_UNCERTAIN, { store: this.#calls.name, reason: uncertain });
    }
    // A put always writes; deletes alone may have written nothing, and the revision is then somebody else's.
    const own = response.succeeded && request.ops.some(({ type }) => type === 'put');
    return { succeeded: response.succeeded, revision: revisionOf(response), own };
  }

  #call(request: TxnRequest, policy: CallPolicy, otherwiseGet?: string) {
    const leases = new Map([...this.#leases].map(([name, { id }]) => [name, id]));
    return this.#calls.call(KVService.txn, toWireTxn(request, leases, otherwiseGet), policy);
  }
}

/** A mark is a write too, and what deletes nothing must not be one. */
function surelyWrites({ ops, compare = [] }: TxnRequest): boolean {
  const there = new Set(compare.filter(({ revision }) => revision > 0).map(({ key }) => key));
  return ops.some((op) => op.type === 'put' || there.has(op.key));
}

function foundIn({ responses }: TxnResponse): Entry | undefined {
  const answer = responses[0]?.response;
  const kv = answer?.$case === 'responseRange' ? answer.value.kvs[0] : undefined;
  return kv && toEntry(kv);
}

function revisionOf({ header }: TxnResponse): number {
  if (!header)
    throw fail(storeErrors.STORE_UNAVAILABLE, { store: 'etcd', reason: 'it answered without a header' });
  return toRevision(header.revision);
}
