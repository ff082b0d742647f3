import { fail } from '@edgeplane/base';
import { storeErrors } from './errors.js';
import type { TxnRequest } from './store.js';

/**
 * Limits of one transaction, the same in every store so that what works on one works on all.
 * The first and the last are etcd's defaults (`--max-txn-ops`, `--max-request-bytes` less some room), the key length is lmdb's.
 */
export const TXN_LIMITS = { ops: 128, compares: 128, keyBytes: 1900, bytes: 1_500_000 } as const;

/** @throws EdgeplaneError TXN_INVALID or TXN_TOO_LARGE. */
export function checkRequest(request: TxnRequest): void {
  const { ops, compare = [] } = request;
  atMost(ops.length, TXN_LIMITS.ops, 'operations');
  atMost(compare.length, TXN_LIMITS.compares, 'compares');
  const written = new Set<string>();
  for (const op of ops) {
    checkKey(op.key);
    if (written.has(op.key)) refuse(`key ${JSON.stringify(op.key)} is written twice`);
    written.add(op.key);
    if (op.type !== 'put') continue;
    if (!wellFormed(op.value)) refuse(`the value of ${JSON.stringify(op.key)} is not valid Unicode`);
  }
  for (const { key, revision } of compare) {
    checkKey(key);
    if (!Number.isSafeInteger(revision) || revision < 0) {
      refuse(`revision ${revision} is not a non-negative integer`);
    }
  }
  atMost(requestBytes(request), TXN_LIMITS.bytes, 'bytes');
}

/** Bytes of all keys and values. */
export function requestBytes({ ops, compare = [] }: TxnRequest): number {
  let bytes = 0;
  for (const op of ops) {
    bytes += Buffer.byteLength(op.key) + (op.type === 'put' ? Buffer.byteLength(op.value) : 0);
  }
  for (const { key } of compare) bytes += Buffer.byteLength(key);
  return bytes;
}

function checkKey(key: string): void {
  if (key === '') refuse('a key is empty');
  if (!wellFormed(key)) refuse(`key ${JSON.stringify(key)} is not valid Unicode`);
  const bytes = Buffer.byteLength(key);
  if (bytes > TXN_LIMITS.keyBytes) {
    refuse(
      `a key has ${bytes} bytes, more than ${TXN_LIMITS.keyBytes}: ${JSON.stringify(key.slice(0, 40))}...`,
    );
  }
}

/** Half a surrogate pair has no UTF-8 form and would come back as another text. */
function wellFormed(text: string): boolean {
  return !/[\ud800-\udfff]/.test(text) || !/\p{Surrogate}/u.test(text);
}

function atMost(actual: number, limit: number, what: string): void {
  if (actual > limit) throw fail(storeErrors.TXN_TOO_LARGE, { actual, what, limit });
}

function refuse(rule: string): never {
  throw fail(storeErrors.TXN_INVALID, { rule });
}
