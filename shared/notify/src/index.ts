export { NotifyClient, type NotifyClientOptions, type NotifyState } from './client.js';
export { notifyErrors } from './errors.js';
export {
  clientLimitsOf,
  DEFAULT_LIMITS,
  limitRows,
  limitsOf,
  NOTIFY_LIMIT_FLAGS,
  type NotifyLimits,
} from './limits.js';
export { NOTIFY_METRICS, OBJECT_METRICS, observeNotify, observeObjects } from './metrics.js';
export { fileDisk, type MirrorDisk } from './mirror/mirror-disk.js';
export {
  heldBefore,
  type Mirrored,
  type MirroredTable,
  TableMirror,
  type TableMirrorOptions,
} from './mirror/table-mirror.js';
export { ObjectTable } from './object-table.js';
export { IDENTITY_MODES, type IdentityRule } from './permit.js';
export { NotifyServer } from './server.js';
export type { NotifyServerOptions } from './server-options.js';
export { Speakers } from './speakers.js';
export type { NotifyCall, NotifyCaller, NotifyDialer } from './transport.js';
export type {
  CatchUp,
  MessageReceiver,
  NodeTime,
  NotifyCounters,
  PeerInfo,
  Received,
  Receiver,
  SendSource,
} from './types.js';
export type { Downstream, Upstream, Wanted } from './upstream.js';
export type { Cursor, HeldBefore } from './v2/held.js';
export { DEFAULT_VERSION, NOTIFY_VERSIONS } from './wire.js';
