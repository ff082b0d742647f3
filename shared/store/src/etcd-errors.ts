import { type EdgeplaneError, fail } from '@edgeplane/base';
import { type ServiceError, status } from '@grpc/grpc-js';
import { storeErrors } from './errors.js';

/**
 * What a failed call means for the request:
 * - `unsent`: it did not reach etcd, or etcd refused it for the moment; a repeat is safe.
 * - `uncertain`: it may have been carried out, now or in a moment; only a read, or a write that cannot apply twice, may be repeated.
 * - `refused`: etcd answered that it will not do it; a repeat would be refused too.
 */
export type Verdict = 'unsent' | 'uncertain' | 'refused';

// The texts of grpc-js and of etcd; the e2e tests of the store notice when they change.
const UNSENT =
  /^(No connection established|Name resolution failed)|Waiting for LB pick|etcdserver: (no leader|too many requests|not capable)/;

const REFUSED: ReadonlySet<number> = new Set([
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.ALREADY_EXISTS,
  status.PERMISSION_DENIED,
  status.RESOURCE_EXHAUSTED,
  status.FAILED_PRECONDITION,
  status.OUT_OF_RANGE,
  status.UNIMPLEMENTED,
  status.UNAUTHENTICATED,
]);

export function verdictOf(error: ServiceError): Verdict {
  if (UNSENT.test(error.details)) return 'unsent';
  return REFUSED.has(error.code) ? 'refused' : 'uncertain';
}

/** The store's error for a call that etcd refused. */
export function refusal(store: string, error: ServiceError): EdgeplaneError {
  const { details } = error;
  if (/lease not found/.test(details)) return fail(storeErrors.LEASE_LOST, { id: '' }, { cause: error });
  if (/required revision has been compacted/.test(details)) {
    return fail(storeErrors.COMPACTED, { after: 'unknown', oldest: 'unknown' }, { cause: error });
  }
  if (/too many operations|request is too large|duplicate key/.test(details)) {
    return fail(storeErrors.TXN_INVALID, { rule: details }, { cause: error });
  }
  return fail(storeErrors.STORE_UNAVAILABLE, { store, reason: details }, { cause: error });
}
