import { type Clock, inArea, type Logger, type Random } from '@edgeplane/base';
import {
  type HeldBefore,
  NotifyClient,
  type NotifyDialer,
  ObjectTable,
  type Receiver,
} from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import { NodeType } from '@edgeplane/proto/edgeproto/node.js';
import type { TlsMaterial } from '@edgeplane/rpc';
import { appInstReceiver, appReceiver } from './app-receivers.js';
import { type Breathe, breather } from './breather.js';
import type { DmeConfig } from './config.js';
import type { AppTable } from './tables.js';

export interface FollowOptions {
  readonly tls: TlsMaterial | undefined;
  /** How controllers are reached; default gRPC, with `tls`. */
  readonly dial?: NotifyDialer;
  /** How changes give way to calls; default by the clock. */
  readonly breathe?: Breathe;
  /** What the table holds from an earlier life. */
  readonly held?: readonly HeldBefore[];
  /** What else controllers are asked for. */
  readonly receivers?: readonly Receiver[];
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/** Keeps the table as the controllers have it, and tells them of this match engine; `start` and `stop` are the caller's. */
export function followControllers(
  config: Pick<DmeConfig, 'notifyAddrs' | 'notifyVersion' | 'scaleId' | 'cloudletKey'>,
  table: AppTable,
  options: FollowOptions,
): NotifyClient {
  const { notifyAddrs, scaleId, cloudletKey } = config;
  const { logger, breathe = breather(options.clock), receivers = [], ...rest } = options;
  const tableLogger = inArea(logger, 'dmedb');
  const node = new ObjectTable(OBJECTS.Node);
  node.put(OBJECTS.Node.withKey({ name: scaleId, nodeType: NodeType.NODE_DME, cloudletKey }));
  return new NotifyClient({
    addrs: notifyAddrs,
    maxVersion: config.notifyVersion,
    filterCloudletKey: false,
    sources: [node],
    receivers: [
      appReceiver(table, breathe, tableLogger),
      appInstReceiver(table, breathe, tableLogger),
      ...receivers,
    ],
    messageReceivers: [],
    logger: inArea(logger, 'notify'),
    ...rest,
  });
}
