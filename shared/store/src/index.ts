export { storeErrors } from './errors.js';
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
