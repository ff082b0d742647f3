import { defineErrors } from '@edgeplane/base';

/** What a store may answer besides a result. */
export const storeErrors = defineErrors({
  KEY_NOT_FOUND: ['NOT_FOUND', 'Key not found'],
  KEY_EXISTS: ['ALREADY_EXISTS', 'Key already exists'],
  COMPACTED: [
    'OUT_OF_RANGE',
    'changes after revision {after} are no longer kept; the oldest kept is {oldest}',
  ],
  STORE_UNAVAILABLE: ['UNAVAILABLE', 'store {store} is unavailable: {reason}', 'retryable'],
  STORE_CORRUPT: ['DATA_LOSS', 'store {store} is not readable: {reason}'],
  STORE_IN_USE: ['FAILED_PRECONDITION', 'store {store} is in use by process {pid}'],
  STORE_CLOSED: ['UNAVAILABLE', 'store is closed'],
  LEASE_LOST: ['ABORTED', 'lease {id} is gone'],
  TXN_CONFLICT: ['ABORTED', 'gave up after {attempts} attempts: the keys kept changing', 'retryable'],
});
