import { type Clock, inArea } from '@edgeplane/base';
import {
  type IdentityRule,
  type MessageReceiver,
  type NotifyLimits,
  NotifyServer,
  type ObjectTable,
  type Receiver,
  type SendSource,
  Speakers,
} from '@edgeplane/notify';
import { type KeyOf, OBJECTS, type ObjectOf } from '@edgeplane/objects';
import type { TlsMaterial } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import { ExecRelay } from '../exec/exec-relay.js';
import { LatestMetrics } from '../metrics/latest-metrics.js';
import { MetricReceiver, type MetricSink } from '../metrics/metric-receiver.js';
import { cacheSource } from './cache-source.js';
import { catchUp } from './catch-up.js';
import { CloudletInfoReceiver } from './cloudlet-info-receiver.js';
import { ConnectedObjects, inTurn } from './connected-objects.js';
import { Fence } from './fence.js';
import { appInstInfoReceiver, clusterInstInfoReceiver } from './instance-info-receivers.js';
import { persistent } from './persistent-receiver.js';

/** What the peers connected to this controller say of themselves. */
export interface LiveTables {
  readonly nodes: ObjectTable<ObjectOf<'Node'>, KeyOf<'Node'>>;
  readonly appInstInfos: ObjectTable<ObjectOf<'AppInstInfo'>, KeyOf<'AppInstInfo'>>;
  readonly clusterInstInfos: ObjectTable<ObjectOf<'ClusterInstInfo'>, KeyOf<'ClusterInstInfo'>>;
  readonly metrics: LatestMetrics;
}

export interface ControllerNotify {
  readonly server: NotifyServer;
  readonly live: LiveTables;
  readonly exec: ExecRelay;
}

/** The controller's end of notify: what it sends from its caches, and what it does with what it gets. */
export function createNotify(
  context: ControllerContext,
  clock: Clock,
  tls: TlsMaterial | undefined,
  sink: MetricSink | undefined,
  protocol: {
    readonly lineage: string;
    readonly maxVersion: number;
    readonly identity: IdentityRule;
    readonly limits: NotifyLimits;
  },
): ControllerNotify {
  const { caches, logger, sync } = context;
  const speakers = new Speakers();
  const { controllerId } = context;
  const known = (cloudlet: string) => caches.cloudletInfos.get(cloudlet)?.value;
  const fence = new Fence({ speakers, known, controllerId, clock });
  const nodes = new ConnectedObjects(OBJECTS.Node);
  const appInstInfos = new ConnectedObjects(OBJECTS.AppInstInfo);
  const clusterInstInfos = new ConnectedObjects(OBJECTS.ClusterInstInfo);
  // Sources and receivers of different types share one list; each is only ever given objects of its own type.
  const sources = [
    cacheSource(OBJECTS.Flavor, caches.flavors, sync),
    cacheSource(OBJECTS.Cloudlet, caches.cloudlets, sync),
    cacheSource(OBJECTS.Cluster, caches.clusters, sync),
    cacheSource(OBJECTS.ClusterInst, caches.clusterInsts, sync),
    cacheSource(OBJECTS.App, caches.apps, sync),
    cacheSource(OBJECTS.AppInst, caches.appInsts, sync),
    // Only to match engines that prove to be such.
    cacheSource(OBJECTS.CookieKey, caches.cookieKeys, sync),
  ] as unknown as readonly SendSource[];
  const receivers = [
    // Asked anew at each attempt, as a report may have to wait for the store.
    persistent(context, speakers.of(new CloudletInfoReceiver(context, fence))),
    inTurn(speakers.of(appInstInfos), persistent(context, speakers.of(appInstInfoReceiver(context, fence)))),
    inTurn(
      speakers.of(clusterInstInfos),
      persistent(context, speakers.of(clusterInstInfoReceiver(context, fence))),
    ),
    nodes,
  ] as unknown as readonly Receiver[];
  const exec = new ExecRelay({
    clock,
    random: context.random,
    send: (message, predicate) => server.sendMessage('ExecRequest', message, predicate),
  });
  const metrics = new LatestMetrics(caches, clock);
  const samples = new MetricReceiver(metrics, sink, inArea(logger, 'metrics'));
  const messageReceivers = [exec, samples] as readonly unknown[] as readonly MessageReceiver[];
  const server = new NotifyServer({
    sources,
    receivers,
    messageReceivers,
    tls,
    logger: inArea(logger, 'notify'),
    clock,
    maxVersion: protocol.maxVersion,
    limits: protocol.limits,
    identity: protocol.identity,
    time: {
      lineage: protocol.lineage,
      catchUp: (revision) => catchUp(context, revision),
      storedRevision: () => sync.storedRevision(),
    },
  });
  const live = {
    nodes: nodes.table,
    appInstInfos: appInstInfos.table,
    clusterInstInfos: clusterInstInfos.table,
    metrics,
  };
  return { server, live, exec };
}
