import { randomUUID } from 'node:crypto';
import {
  type Clock,
  debugLogger,
  inArea,
  type Logger,
  type Random,
  type Service,
  systemClock,
  systemRandom,
} from '@edgeplane/base';
import {
  clientLimitsOf,
  NotifyClient,
  type NotifyDialer,
  type NotifyLimits,
  NotifyServer,
  type NotifyState,
  observeNotify,
  observeObjects,
  type Receiver,
  type SendSource,
} from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import { Metrics } from '@edgeplane/observe';
import { NodeType } from '@edgeplane/proto/edgeproto/node.js';
import { loadTls, type MetricsListener, observeConnections, serveMetrics } from '@edgeplane/rpc';
import type { RelayConfig } from './config.js';
import { Demand } from './demand.js';
import { Family } from './family.js';
import { Links } from './links.js';
import { messageReceivers } from './messages.js';
import { PassedTable } from './passed-table.js';
import { ReportBook } from './report-book.js';

/** What a test may replace. */
export interface RelayOverrides {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
  /** How nodes above are reached; default gRPC. */
  readonly dial?: NotifyDialer;
  /** How nodes below reach the relay; default its listener. */
  readonly door?: { open(server: NotifyServer): void };
  readonly limits?: Partial<NotifyLimits>;
}

/** A notify relay. `addresses` has `notify` once it is started, and `metrics` unless off. */
export interface Relay extends Service {
  readonly addresses: Readonly<Record<string, string>>;
  readonly logger: Logger;
  /** Whether there is a link upward, and all that is wanted below has come over it. */
  readonly notifyState: NotifyState;
  /** Its lower end. */
  readonly server: NotifyServer;
}

/**
 * Makes a relay: a server to agents, match engines and other relays, and one client of a controller, or of a relay, for all
 * of them. It keeps nothing but in memory. Start fails with TLS_FILE_UNREADABLE or LISTEN_FAILED; it does not wait for a
 * link upward, without which sessions that find nothing here are sent elsewhere.
 */
export function createRelay(config: RelayConfig, overrides: RelayOverrides = {}): Relay {
  const clock = overrides.clock ?? systemClock;
  const logger = overrides.logger ?? debugLogger('edgeplane-relay', config.debug).logger;
  const notifyLogger = inArea(logger, 'notify');
  const { random = systemRandom, dial } = overrides;
  const limits = { ...config.limits, ...overrides.limits };
  const tls = config.tls === undefined ? undefined : loadTls(config.tls);
  const addresses: Record<string, string> = {};

  const demand = new Demand();
  const book = new ReportBook((peer) => demand.release(peer));
  book.putOwn(
    OBJECTS.Node.withKey({
      name: config.name,
      nodeType: NodeType.NODE_RELAY,
      cloudletKey: OBJECTS.Cloudlet.key(OBJECTS.Cloudlet.withKey({ name: '', operatorKey: { name: '' } })),
    }),
  );
  const tables = [
    new PassedTable(OBJECTS.Flavor),
    new PassedTable(OBJECTS.Cloudlet),
    new PassedTable(OBJECTS.Cluster),
    new PassedTable(OBJECTS.ClusterInst),
    new PassedTable(OBJECTS.App),
    new PassedTable(OBJECTS.AppInst),
  ];
  const node = randomUUID();
  const family = new Family(node, clock);
  const links = new Links({
    ...{ demand, family, book, tables, clock, logger: notifyLogger },
    sendAway: (reason, whom) => server.sendAway(reason, whom),
    connected: () => client.state !== 'disconnected',
    peers: () => server.peers(),
  });
  const messages = messageReceivers({
    clock,
    down: (type, message, predicate) => server.sendMessage(type, message, predicate),
    up: (type, message) => client.sendMessage(type, message),
    name: config.name,
  });
  // Tables of different types share one list; each is only ever given objects of its own type.
  const passed = tables as readonly unknown[];
  const server = new NotifyServer({
    node,
    sources: passed as readonly SendSource[],
    receivers: book.receivers,
    messageReceivers: messages.below,
    upstream: links.upstream,
    identity: config.identity,
    time: links.time,
    maxVersion: 2,
    logger: notifyLogger,
    ...{ tls, clock, limits },
  });
  const client = new NotifyClient({
    addrs: config.notifyAddrs,
    filterCloudletKey: true,
    sources: book.sources,
    receivers: passed as readonly Receiver[],
    messageReceivers: messages.above,
    downstream: links.downstream,
    maxVersion: 2,
    logger: notifyLogger,
    ...{ tls, clock, random, dial },
    limits: clientLimitsOf(limits),
  });
  let stopped = false;
  const metrics = new Metrics();
  observeNotify(metrics, { server, client });
  observeConnections(metrics, server);
  observeObjects(metrics, () => tables.map((table) => [table.type.name, table.size]));
  let listener: MetricsListener | undefined;

  return {
    addresses,
    logger,
    server,
    get notifyState() {
      return client.state;
    },

    async start() {
      if (stopped) return;
      if (config.metricsAddr !== '') {
        const health = () => (stopped ? 'stopping' : addresses['notify'] ? undefined : 'starting');
        listener = await serveMetrics({ address: config.metricsAddr, metrics, health, tls, logger });
        addresses['metrics'] = listener.address;
      }
      if (overrides.door) overrides.door.open(server);
      else addresses['notify'] = await server.listen(config.notifyListen);
      // A stop may have come while the listener was being opened.
      if (stopped) await listener?.stop();
      else client.start();
    },

    async stop() {
      stopped = true;
      // Without a word upward: what agents reported stays there while they go elsewhere.
      await client.abandon();
      await server.stop();
      await listener?.stop();
    },
  };
}
