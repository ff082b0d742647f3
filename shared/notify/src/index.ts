export { NotifyClient, type NotifyClientOptions, type NotifyState } from './client.js';
export { notifyErrors } from './errors.js';
export { ObjectTable } from './object-table.js';
export { NotifyServer, type NotifyServerOptions } from './server.js';
export type { NotifyCall, NotifyCaller, NotifyDialer } from './transport.js';
export {
  type CatchUp,
  DEFAULT_LIMITS,
  type MessageReceiver,
  type NotifyCounters,
  type NotifyLimits,
  type PeerInfo,
  type Receiver,
  type SendSource,
} from './types.js';
export type { Cursor, HeldBefore } from './v2/held.js';
export { DEFAULT_VERSION, NOTIFY_VERSIONS } from './wire.js';
