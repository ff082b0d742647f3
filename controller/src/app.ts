import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { hostname } from 'node:os';
import {
  type Clock,
  DebugAreas,
  fail,
  inArea,
  type Logger,
  type Random,
  type Service,
  silentLogger,
  systemClock,
  systemRandom,
} from '@edgeplane/base';
import type { EventBus } from '@edgeplane/bus';
import { startGateway } from '@edgeplane/gateway';
import { type NotifyServer, observeNotify, observeObjects } from '@edgeplane/notify';
import { currentVersionHash, SHOW_OPTIONS, takesShowOptions } from '@edgeplane/objects';
import { Metrics } from '@edgeplane/observe';
import { DebugApiService } from '@edgeplane/proto/log/debug.js';
import {
  AuditLog,
  debugApi,
  loadTls,
  observeConnections,
  RpcServer,
  serveMetrics,
  type TlsMaterial,
} from '@edgeplane/rpc';
import { CacheSync, openStore, type Store } from '@edgeplane/store';
import { accessGuard, accessResources } from './access/guard.js';
import { loadPolicy } from './access/policy-file.js';
import { addApis } from './api/services.js';
import { Background } from './background.js';
import { registerCaches } from './caches.js';
import type { ControllerConfig } from './config.js';
import type { ControllerContext, Timeouts } from './context.js';
import { startCookieKeys } from './cookie-keys/cookie-keys.js';
import { Database } from './db/database.js';
import { storeIdentity } from './db/store-identity.js';
import { checkVersion } from './db/version-check.js';
import { createTextFetcher, type TextFetcher } from './deploy/fetch-text.js';
import { allowLocal, refuseLocal } from './deploy/local-addresses.js';
import { controllerErrors } from './errors.js';
import { auditEvents } from './events/audit-events.js';
import { openBus } from './events/open-bus.js';
import { startStateEvents } from './events/state-events.js';
import { startInflux } from './influx/influx-writer.js';
import { type ControllerNotify, createNotify } from './notify/notify-server.js';
import { repairRefs } from './operations/repair-refs.js';
import { Successor } from './operations/successor.js';
import { Ownership } from './ownership/ownership.js';
import { Peers } from './peers/peers.js';
import { Registry } from './registry.js';
import { versionChain } from './upgrade/versions.js';

/** Parts to replace, for tests and simulations. */
export interface ControllerOverrides {
  /** Used instead of opening `config.store`; whoever passes it closes it. */
  readonly store?: Store;
  /** Used instead of the bus of `config.nats`; whoever passes it closes it. */
  readonly bus?: EventBus;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
  /** What `logger` asks which debug lines to write. */
  readonly debug?: DebugAreas;
  readonly timeouts?: Timeouts;
  readonly fetcher?: TextFetcher;
  /** Used instead of listening; the addresses of the configuration are then only names. */
  readonly door?: Door;
}

/** How a controller is reached that listens to nothing. */
export interface Door {
  /** From now on the controller answers; it says itself when it no longer does. */
  open(api: RpcServer, notify: NotifyServer): void;
}

/** A controller as a library. `addresses`, once started: `api` and `notify`; `http` and `metrics` unless off. */
export interface Controller extends Service {
  readonly addresses: Readonly<Record<string, string>>;
}

/** What a started controller is made of, in the order of its start. */
interface Running {
  readonly stopping: AbortController;
  /** Everything is open. */
  ready: boolean;
  readonly parts: { stop(): Promise<void> }[];
}

/** Builds a controller; nothing is opened before `start`. */
export function createController(config: ControllerConfig, overrides: ControllerOverrides = {}): Controller {
  const addresses: Record<string, string> = {};
  const running: Running = { stopping: new AbortController(), ready: false, parts: [] };
  // Every operation in progress listens.
  setMaxListeners(0, running.stopping.signal);
  let started: Promise<void> | undefined;
  let stopped: Promise<void> | undefined;

  const stop = async () => {
    running.stopping.abort(fail(controllerErrors.STOPPING));
    await started?.catch(() => undefined);
    for (let part = running.parts.pop(); part; part = running.parts.pop()) await part.stop();
  };
  return {
    addresses,
    async start() {
      started ??= start(config, overrides, running, addresses);
      try {
        await started;
        running.ready = true;
      } catch (error) {
        stopped ??= stop();
        await stopped;
        throw error;
      }
    },
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** Start-up in the order of controller spec section 1.2. Whatever is open goes into `running` at once. */
async function start(
  config: ControllerConfig,
  overrides: ControllerOverrides,
  running: Running,
  addresses: Record<string, string>,
): Promise<void> {
  const { logger = silentLogger, clock = systemClock, random = systemRandom } = overrides;
  const { region } = config;
  const { signal } = running.stopping;
  const tls: TlsMaterial | undefined = config.tls === '' ? undefined : loadTls(config.tls);
  const grants = config.accessPolicy === '' ? undefined : loadPolicy(config.accessPolicy, accessResources());
  logger.info({ region, store: overrides.store?.kind ?? config.store }, 'Start up');

  const metrics = new Metrics();
  if (config.metricsAddr !== '') {
    const health = () => (signal.aborted ? 'stopping' : running.ready ? undefined : 'starting');
    const listener = await serveMetrics({ address: config.metricsAddr, metrics, health, tls, logger });
    running.parts.push(listener);
    addresses['metrics'] = listener.address;
  }
  const store = overrides.store ?? (await openStore(config.store, { logger: inArea(logger, 'etcd') }));
  running.parts.push({ stop: async () => (overrides.store ? undefined : store.close()) });
  if (!config.skipVersionCheck) {
    const { autoUpgrade, forceUpgrade: force } = config;
    const chain = versionChain();
    await checkVersion({
      store,
      region,
      chain,
      autoUpgrade,
      force,
      logger: inArea(logger, 'upgrade'),
      clock,
      random,
      signal,
    });
  }

  const sync = new CacheSync(store, String(region), { logger: inArea(logger, 'etcd'), clock, random });
  const caches = registerCaches(sync);
  await sync.start();
  running.parts.push(sync);

  const db = new Database({ store, sync, region, clock, random, signal });
  const ownership = new Ownership({ db, clock, random, operations: caches.operations });
  const registry = new Registry({
    store,
    region,
    owner: ownership.owner,
    leaseSeconds: config.leaseSeconds,
    logger,
    clock,
    random,
  });
  running.parts.push(registry);
  const background = new Background(logger, signal);
  running.parts.push({ stop: () => background.idle() });

  const policy = config.allowLocalFetch ? allowLocal : refuseLocal;
  let ownAddress = config.externalApiAddr;
  const bus = overrides.bus ?? openBus(config, { clock, random, logger });
  running.parts.push({ stop: async () => (overrides.bus ? undefined : bus.close()) });
  const controllers = caches.controllers;
  const peers = new Peers({ controllers, ownAddress: () => ownAddress, bus, tls, logger, clock });
  running.parts.push(peers);
  const context: ControllerContext = {
    logger,
    clock,
    random,
    db,
    sync,
    caches,
    registry,
    ownership,
    resume: (operation) => successor.resume(operation),
    bus,
    peers,
    background,
    fetcher: overrides.fetcher ?? createTextFetcher({ clock, signal, policy }),
    timeouts: overrides.timeouts ?? config.timeouts,
    rootDomain: config.rootDomain,
    imageRegistry: config.imageRegistry,
    strictOwners: config.strictOwners,
    enforceCapacity: config.enforceCapacity,
    stopping: signal,
    controllerId: () => `${hostname() || 'nohostname'}@${ownAddress}`,
    ownAddress: () => ownAddress,
  };
  const successor = new Successor(context);
  running.parts.push(startStateEvents(context, region));
  await repairRefs(context);

  const influx =
    config.influxAddr === ''
      ? undefined
      : startInflux(config.influxAddr, { ...context, logger: inArea(logger, 'metrics') });
  // Stops after notify, which feeds it.
  if (influx) running.parts.push(influx);
  if (config.cookieKeyRotationMs > 0) running.parts.push(await startCookieKeys(context, config));
  const lineage = await storeIdentity(store, region, random);
  const identity = { region: String(config.region), required: config.notifyIdentityRequired };
  const { notifyVersion: maxVersion, notifyLimits: limits } = config;
  const protocol = { lineage, identity, maxVersion, limits };
  const notify: ControllerNotify = createNotify(context, clock, tls, influx, protocol);
  running.parts.push(notify.server);
  observeNotify(metrics, notify);
  observeConnections(metrics, notify.server);
  observeObjects(metrics, () => Object.values(caches).map(({ type, size }) => [type.name, size]));
  const authorize = grants && accessGuard(grants, tls);
  const audit = new AuditLog({ clock, sink: auditEvents(context, region) });
  const gatewayToken = randomUUID();
  const api = new RpcServer({
    logger: inArea(logger, 'api'),
    name: 'api',
    ...{ tls, clock, audit, authorize, gatewayToken },
  });
  running.parts.push({ stop: () => api.stop() });
  addApis(api, context, notify);
  api.addService(DebugApiService, debugApi(overrides.debug ?? new DebugAreas(), logger));

  const { door } = overrides;
  const apiAddress = door ? config.apiAddr : await api.listen(config.apiAddr);
  ownAddress ||= apiAddress;
  addresses['api'] = apiAddress;
  // Before notify: what agents report is stored under the lease.
  await registry.start(ownAddress);
  addresses['notify'] = door ? config.notifyAddr : await notify.server.listen(config.notifyAddr);
  door?.open(api, notify.server);
  successor.start();
  running.parts.push({ stop: async () => successor.stop() });
  if (config.httpAddr === '') return;
  const gateway = await startGateway({
    address: config.httpAddr,
    services: api.definitions,
    api: apiAddress,
    token: gatewayToken,
    enums: config.httpEnums,
    parameters: Object.values(SHOW_OPTIONS).map(({ about, ...option }) => ({
      ...{ ...option, description: about, of: takesShowOptions },
    })),
    title: 'Edgeplane controller',
    version: currentVersionHash(),
    ...{ tls, logger, clock },
  });
  running.parts.push(gateway);
  addresses['http'] = gateway.address;
}
