import { type Clock, inArea, type Logger, type Random } from '@edgeplane/base';
import {
  type HeldBefore,
  NotifyClient,
  type NotifyDialer,
  ObjectTable,
  observeNotify,
  observeObjects,
  type SendSource,
  type TableMirror,
} from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import type { Metrics } from '@edgeplane/observe';
import type { CloudletInfo } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { NodeType } from '@edgeplane/proto/edgeproto/node.js';
import type { TlsMaterial } from '@edgeplane/rpc';
import { appKind } from './app-kind.js';
import { clusterKind } from './cluster-kind.js';
import type { AgentConfig } from './config.js';
import { type AgentTables, receiversOf, tableList } from './desired.js';
import type { Driver, Recovered } from './drivers/driver.js';
import { execReceiver } from './exec/exec-receiver.js';
import type { ShellSessions } from './exec/sessions.js';
import { appInstChannel, clusterInstChannel } from './info-reporters.js';
import { readHostUsage } from './metrics/host-usage.js';
import { Sampler } from './metrics/sampler.js';
import type { RoomToRemove } from './reserve.js';
import { Settling } from './settling.js';
import type { Troubles } from './troubles.js';
import { InstanceWorkers } from './workers.js';

export interface ControlLoopOptions {
  readonly config: AgentConfig;
  readonly driver: Driver;
  readonly info: CloudletInfo;
  readonly recovered: Recovered;
  readonly tls: TlsMaterial | undefined;
  /** Default gRPC, with `tls`. */
  readonly dial?: NotifyDialer | undefined;
  /** With what the controller sent to an earlier run. */
  readonly tables: AgentTables;
  /** What of that the notify client is to go on from. */
  readonly held: readonly HeldBefore[];
  /** Makes durable what is in the tables. */
  readonly mirror: TableMirror;
  readonly troubles: Troubles;
  readonly room: RoomToRemove;
  readonly shells: ShellSessions;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/** States in which an instance is on its way out. */
const ENDING: ReadonlySet<TrackedState> = new Set([
  TrackedState.DELETE_REQUESTED,
  TrackedState.DELETING,
  TrackedState.DELETE_PREPARE,
]);

/** Types the agent asks for, in the order of the reference (spec section 9.2). */
const WANTED = ['Flavor', 'App', 'AppInst', 'Cloudlet', 'ClusterInst', 'ExecRequest'];

/**
 * Everything between the notify stream and the driver: tables of what is wanted, workers that bring it about, tables of
 * what is reported. Runs from construction until `stop`.
 */
export function startControlLoop(options: ControlLoopOptions): { stop(): Promise<void> } {
  const { config, driver, logger, clock, random, tables, mirror } = options;
  const persist = () => mirror.flush();
  let disconnects = 0;
  const connected = () => client.state !== 'disconnected';
  const clusterReports = clusterInstChannel({ clock, logger, connected });
  const troubles = (keyJson: string) => options.troubles.of(keyJson);
  const appReports = appInstChannel({ clock, logger, connected, troubles });
  // Odd while connected, so that what was reported to nobody does not count as reported on the next connection.
  const session = () => disconnects * 2 + (connected() ? 1 : 0);
  const clusters = new InstanceWorkers({
    kind: clusterKind(tables, driver, options.room),
    reporter: clusterReports.reporter,
    ...{ session, persist, clock, random, logger },
  });
  const apps = new InstanceWorkers({
    kind: appKind(tables, driver, options.room, logger),
    reporter: appReports.reporter,
    ...{ session, persist, clock, random, logger },
  });
  clusters.recovered(options.recovered.clusterInsts);
  apps.recovered(options.recovered.appInsts);
  clusters.remember(tables.clusterInsts.keys());
  apps.remember(tables.appInsts.keys());
  tables.clusterInsts.subscribe((keyJson) => clusters.notice(keyJson));
  tables.appInsts.subscribe((keyJson) => apps.notice(keyJson));
  tables.appInsts.subscribe((keyJson) => {
    const state = tables.appInsts.get(keyJson)?.state;
    if (state === undefined || ENDING.has(state))
      options.shells.endAll(keyJson, 'the instance is being deleted');
  });
  tables.apps.subscribe(() => apps.wakeWaiting());
  options.troubles.subscribe((keyJson) => appReports.reporter.reportTroubles(keyJson, troubles(keyJson)));

  const cloudletInfos = new ObjectTable(OBJECTS.CloudletInfo);
  cloudletInfos.put(options.info);
  const nodes = new ObjectTable(OBJECTS.Node);
  const { hostname, cloudletKey } = config;
  nodes.put(OBJECTS.Node.withKey({ name: hostname, nodeType: NodeType.NODE_CRM, cloudletKey }));

  let reconciled = Promise.resolve();
  const onSynced = () => {
    clusters.synced();
    apps.synced();
    const synced = disconnects;
    reconciled = Promise.all([reconciled, clusters.idle(), apps.idle()]).then(() => {
      // Another session may have begun meanwhile, which will tell itself.
      if (synced !== disconnects || !connected()) return;
      const { clusterInsts, appInsts } = tables;
      logger.info({ clusterInsts: clusterInsts.size, appInsts: appInsts.size }, 'Reconciled');
    });
  };
  const settling = new Settling({
    tables: [tables.apps, tables.appInsts, tables.cloudlets, tables.clusterInsts],
    cloudlet: OBJECTS.Cloudlet.keyJson(cloudletKey),
    undecodable: () => client.counters.undecodable,
    onSettled: onSynced,
    clock,
  });
  const client = new NotifyClient({
    addrs: config.notifyAddrs,
    maxVersion: config.notifyVersion,
    wantObjs: WANTED,
    filterCloudletKey: true,
    sources: [
      cloudletInfos as unknown as SendSource,
      appReports.source,
      clusterReports.source,
      nodes as unknown as SendSource,
    ],
    receivers: receiversOf(tables, settling, {
      onSynced,
      onPartlySynced() {
        clusters.partlySynced();
        apps.partlySynced();
      },
      onDisconnect() {
        disconnects += 1;
        clusterReports.disconnected();
        appReports.disconnected();
      },
    }),
    messageReceivers: [
      execReceiver({
        tables,
        driver,
        sessions: options.shells,
        cloudletKeyJson: OBJECTS.Cloudlet.keyJson(cloudletKey),
        reply: (message) => client.sendMessage('ExecRequest', message),
      }),
    ],
    tls: options.tls,
    dial: options.dial,
    logger: inArea(logger, 'notify'),
    clock,
    held: options.held,
    persist,
    random,
  });
  observeNotify(options.metrics, { client });
  observeObjects(options.metrics, () => tableList(tables).map(({ type, size }) => [type.name, size]));
  mirror.follow(tableList(tables), client);
  client.start();
  clusters.restore();
  // AppInsts run in ClusterInsts.
  const restored = clusters.idle().then(() => apps.restore());
  const sampler =
    config.metricsIntervalMs === 0
      ? undefined
      : new Sampler({
          driver,
          cloudletKey,
          running: () =>
            [...tables.appInsts.entries()]
              .filter(([, { state }]) => state === TrackedState.READY)
              .map(([keyJson]) => keyJson),
          host: () => readHostUsage(config.stateDir),
          wanted: connected,
          send: (metric) => void client.sendMessage('Metric', metric),
          intervalMs: config.metricsIntervalMs,
          clock,
          logger: inArea(logger, 'metrics'),
        });
  return {
    async stop() {
      await sampler?.stop();
      await Promise.all([clusters.stop(), apps.stop()]);
      await restored;
      await reconciled;
      await client.stop();
      settling.ended();
      clusterReports.stop();
      appReports.stop();
    },
  };
}
