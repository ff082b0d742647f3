import { type Deferred, deferred, isKind } from '@edgeplane/base';
import { requestBytes, TXN_LIMITS } from './check-request.js';
import { storeErrors } from './errors.js';
import type { Op, TxnRequest, TxnResult } from './store.js';

type Commit = (request: TxnRequest) => Promise<TxnResult>;

/** Groups sent and not answered yet. Two keep the store busy while an answer travels. */
const IN_FLIGHT = 2;
/** A group's keys and values; a longer one would hold up those behind it for more than it saves. */
const GROUP_BYTES = 256 * 1024;

/** Operations and compares that a store adds of its own to what a group may hold. */
const ROOM = 1;

interface Waiting {
  readonly request: TxnRequest;
  readonly done: Deferred<TxnResult>;
}

/**
 * Commits transactions that wait at the same time as one, when they have nothing to do with each other: no key that one
 * writes is compared or written by another, except that several may write the very same value blindly. Such transactions
 * give the same outcome in any order, also all at once, so each caller gets what it would have got alone; only the revision
 * is shared.
 *
 * A group is all or nothing. When a compare does not hold, nothing was written, and its members are committed one by one.
 * Any other failure, such as WRITE_UNCERTAIN, is the failure of every member: it applies to the group as to one of them.
 * Nobody waits for company: a transaction goes at once unless {@link IN_FLIGHT} groups are under way.
 */
export class TxnGroups {
  readonly #commit: Commit;
  #queue: Waiting[] = [];
  #inFlight = 0;
  #members: number = TXN_LIMITS.ops - ROOM;

  /** `commit` carries out one checked request. */
  constructor(commit: Commit) {
    this.#commit = commit;
  }

  /** As `Store.txn`, for a checked request. */
  txn(request: TxnRequest): Promise<TxnResult> {
    // Without ops it is only a read; a lease may be refused, which is nobody else's affair.
    if (request.ops.length === 0 || request.ops.some(hasLease)) return this.#commit(request);
    const done = deferred<TxnResult>();
    this.#queue.push({ request, done });
    this.#pump();
    return done.promise;
  }

  #pump(): void {
    while (this.#inFlight < IN_FLIGHT && this.#queue.length > 0) {
      this.#inFlight += 1;
      // Never rejects.
      this.#send(this.#take()).finally(() => {
        this.#inFlight -= 1;
        this.#pump();
      });
    }
  }

  /** The first that waits, and whoever may go with it. */
  #take(): readonly Waiting[] {
    const group = new Group();
    const taken: Waiting[] = [];
    const left: Waiting[] = [];
    for (const waiting of this.#queue) {
      const fits = taken.length < this.#members && group.add(waiting.request);
      (fits ? taken : left).push(waiting);
    }
    this.#queue = left;
    return taken;
  }

  async #send(group: readonly Waiting[]): Promise<void> {
    const [first] = group;
    if (group.length === 1 && first) return settle(first, this.#commit(first.request));
    try {
      const result = await this.#commit(merge(group.map(({ request }) => request)));
      if (result.succeeded) {
        for (const { done } of group) done.resolve(result);
        return;
      }
    } catch (error) {
      // Refused for its size: the store's limits are lower than the usual ones.
      if (!isKind(error, storeErrors.TXN_INVALID)) {
        for (const { done } of group) done.reject(error);
        return;
      }
      this.#members = Math.max(1, group.length >> 1);
    }
    await Promise.all(group.map((waiting) => settle(waiting, this.#commit(waiting.request))));
  }
}

async function settle({ done }: Waiting, result: Promise<TxnResult>): Promise<void> {
  try {
    done.resolve(await result);
  } catch (error) {
    done.reject(error);
  }
}

function hasLease(op: Op): boolean {
  return op.type === 'put' && op.lease !== undefined;
}

/** What the members of a group compare and write. */
class Group {
  readonly #compared = new Map<string, number>();
  readonly #written = new Map<string, Op>();
  #bytes = 0;

  /** Adds a request, unless it has to do with one that is in already or there is no room. */
  add({ ops, compare = [] }: TxnRequest): boolean {
    const bytes = requestBytes({ ops, compare });
    const first = this.#written.size === 0;
    if (!first) {
      if (this.#bytes + bytes > GROUP_BYTES) return false;
      if (this.#written.size + ops.length > TXN_LIMITS.ops - ROOM) return false;
      if (this.#compared.size + compare.length > TXN_LIMITS.compares - ROOM) return false;
      if (ops.some((op) => this.#compared.has(op.key) || !sameOp(this.#written.get(op.key), op)))
        return false;
      if (compare.some((c) => this.#written.has(c.key) || differs(this.#compared.get(c.key), c.revision)))
        return false;
    }
    for (const op of ops) this.#written.set(op.key, op);
    for (const { key, revision } of compare) this.#compared.set(key, revision);
    this.#bytes += bytes;
    return true;
  }
}

function sameOp(known: Op | undefined, op: Op): boolean {
  if (known === undefined) return true;
  if (known.type === 'delete' || op.type === 'delete') return known.type === op.type;
  return known.value === op.value;
}

function differs(known: number | undefined, revision: number): boolean {
  return known !== undefined && known !== revision;
}

/** One request in place of several that may go together. */
function merge(requests: readonly TxnRequest[]): TxnRequest {
  const compare = new Map(requests.flatMap((r) => r.compare ?? []).map((c) => [c.key, c]));
  const ops = new Map(requests.flatMap((r) => r.ops).map((op) => [op.key, op]));
  return { compare: [...compare.values()], ops: [...ops.values()] };
}
