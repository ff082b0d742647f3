export { type BadEntry, CacheSync, type CacheSyncOptions } from './cache.js';
export { TXN_LIMITS } from './check-request.js';
export { storeErrors } from './errors.js';
export { EtcdStore, type EtcdStoreOptions } from './etcd.js';
export { LmdbStore, type LmdbStoreOptions } from './lmdb.js';
export { MemoryStore, type MemoryStoreOptions } from './memory.js';
export {
  type CacheChange,
  type Cached,
  type CachedAt,
  type CacheListener,
  type CacheType,
  ObjectCache,
} from './object-cache.js';
export { type OpenStoreOptions, openStore } from './open.js';
export { pagesOf } from './pages.js';
export { type StmOptions, type StmResult, type StmTx, stm } from './stm.js';
export type {
  CommitListener,
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
