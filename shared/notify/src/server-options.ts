import type { Clock, Logger } from '@edgeplane/base';
import type { TlsMaterial } from '@edgeplane/rpc';
import type { NotifyLimits } from './limits.js';
import type { IdentityRule } from './permit.js';
import type { MessageReceiver, NodeTime, Receiver, SendSource } from './types.js';
import type { Upstream } from './upstream.js';

export interface NotifyServerOptions {
  /** What peers may get. Sent in the order of controller spec section 17.3, others after that in the order given. */
  readonly sources: readonly SendSource[];
  /** What peers may send; with `messageReceivers` this is the want list. */
  readonly receivers: readonly Receiver[];
  readonly messageReceivers: readonly MessageReceiver[];
  readonly tls?: TlsMaterial | undefined;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Where the revisions of the sources come from; default a lineage of this server's own. */
  readonly time?: NodeTime;
  /** The highest protocol version to speak; default the newest. */
  readonly maxVersion?: number;
  readonly limits?: Partial<NotifyLimits>;
  /** How to go by the certificates of peers; default not at all. */
  readonly identity?: IdentityRule | undefined;
  /** Our name; default one of this server's own. */
  readonly node?: string;
  /** Of a relay: the client of the same node. */
  readonly upstream?: Upstream;
}
