import { fail } from '@edgeplane/base';
import { storeErrors } from './errors.js';
import { Compare, type Event, type KeyValue, RequestOp, TxnRequest as WireTxn } from './gen/etcd.js';
import { prefixEnd } from './keys.js';
import type { Entry, Op, TxnRequest, WatchEvent } from './store.js';

export interface KeyRange {
  readonly key: Buffer;
  readonly rangeEnd: Buffer;
}

/** All keys that start with a prefix; every key for the empty one. */
export function prefixRange(prefix: string): KeyRange {
  if (prefix === '') return { key: Buffer.from([0]), rangeEnd: Buffer.from([0]) };
  const key = Buffer.from(prefix);
  return { key, rangeEnd: prefixEnd(key) ?? Buffer.from([0]) };
}

export function toRevision(wire: bigint): number {
  const revision = Number(wire);
  if (!Number.isSafeInteger(revision)) throw new RangeError(`revision ${wire} is not a safe integer`);
  return revision;
}

export function toEntry(kv: KeyValue): Entry {
  return { key: kv.key.toString(), value: kv.value.toString(), revision: toRevision(kv.modRevision) };
}

export function toEvent({ type, kv }: Event): WatchEvent {
  if (!kv) throw new Error('an event without key');
  return type === 1 ? { type: 'delete', key: kv.key.toString() } : { type: 'put', entry: toEntry(kv) };
}

/**
 * With `otherwiseGet`, the answer has that key's entry when a compare does not hold.
 * @throws EdgeplaneError LEASE_LOST for a put with a lease that is not in `leases` (id to etcd's id).
 */
export function toWireTxn(
  request: TxnRequest,
  leases: ReadonlyMap<string, bigint>,
  otherwiseGet?: string,
): WireTxn {
  return WireTxn.fromPartial({
    compare: (request.compare ?? []).map(({ key, revision }) =>
      Compare.fromPartial({ result: 0, target: 2, key: Buffer.from(key), modRevision: BigInt(revision) }),
    ),
    success: request.ops.map((op) => toWireOp(op, leases)),
    failure: otherwiseGet === undefined ? [] : [getOp(otherwiseGet)],
  });
}

function getOp(key: string): RequestOp {
  return RequestOp.fromPartial({ request: { $case: 'requestRange', value: { key: Buffer.from(key) } } });
}

function toWireOp(op: Op, leases: ReadonlyMap<string, bigint>): RequestOp {
  const key = Buffer.from(op.key);
  if (op.type === 'delete') {
    return RequestOp.fromPartial({ request: { $case: 'requestDeleteRange', value: { key } } });
  }
  const lease = op.lease ? leases.get(op.lease.id) : 0n;
  if (lease === undefined) throw fail(storeErrors.LEASE_LOST, { id: op.lease?.id ?? '' });
  const value = { key, value: Buffer.from(op.value), lease };
  return RequestOp.fromPartial({ request: { $case: 'requestPut', value } });
}
