export { TXN_LIMITS } from './check-request.js';
export { storeErrors } from './errors.js';
export { LmdbStore, type LmdbStoreOptions } from './lmdb.js';
export { MemoryStore, type MemoryStoreOptions } from './memory.js';
export { type StmOptions, type StmResult, type StmTx, stm } from './stm.js';
export type {
  Compare,
  Entry,
  GetResult,
  Lease,
  ListResult,
  Op,
  Store,
  TxnRequest,
  TxnResult,
  WatchBatch,
  WatchEvent,
} from './store.js';
