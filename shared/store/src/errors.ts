import { defineErrors } from '@edgeplane/base';

/** What a store may answer besides a result. */
export const storeErrors = defineErrors({
  KEY_NOT_FOUND: ['NOT_FOUND', 'Key not found'],
  KEY_EXISTS: ['ALREADY_EXISTS', 'Key already exists'],
  COMPACTED: [
    'OUT_OF_RANGE',
    'changes after revision {after} are no longer kept; the oldest kept is {oldest}',
  ],
  /** Certain: nothing was written. */
  STORE_UNAVAILABLE: ['UNAVAILABLE', 'store {store} is unavailable: {reason}', 'retryable'],
  /** The connection was lost at the wrong moment. Read again before deciding; a blind repeat may write twice. */
  WRITE_UNCERTAIN: ['UNAVAILABLE', 'store {store}: it is not known whether the write was applied: {reason}'],
  STORE_CORRUPT: ['DATA_LOSS', 'store {store} is not readable: {reason}'],
  STORE_IN_USE: ['FAILED_PRECONDITION', 'store {store} is in use by process {pid}'],
  STORE_CLOSED: ['UNAVAILABLE', 'store is closed'],
  STORE_SPEC_INVALID: ['INVALID_ARGUMENT', 'store "{value}" is not valid: {rule}'],
  LEASE_LOST: ['ABORTED', 'lease {id} is gone'],
  TXN_CONFLICT: ['ABORTED', 'gave up after {attempts} attempts: the keys kept changing', 'retryable'],
  TXN_INVALID: ['INVALID_ARGUMENT', 'transaction refused: {rule}'],
  TXN_TOO_LARGE: [
    'INVALID_ARGUMENT',
    'transaction refused: {actual} {what}; at most {limit} fit in one transaction',
  ],
});
