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
  type NotifyClient,
  type NotifyDialer,
  type NotifyState,
  observeNotify,
  observeObjects,
} from '@edgeplane/notify';
import { Metrics } from '@edgeplane/observe';
import { DynamicLocGroupApiService } from '@edgeplane/proto/dme/dynamic-loc-group.js';
import { AppApiService } from '@edgeplane/proto/edgeproto/app.js';
import { AppInstApiService } from '@edgeplane/proto/edgeproto/app_inst.js';
import { type Keepalive, loadTls, RpcServer, serveMetrics } from '@edgeplane/rpc';
import { MATCH_ENGINE_API } from './api/encoded-reply.js';
import { dynamicLocGroupApi } from './api/groups-api.js';
import { matchEngineApi } from './api/match-engine-api.js';
import { standaloneAppApi, standaloneAppInstApi } from './api/standalone-api.js';
import type { DmeConfig } from './config.js';
import { firstSync } from './first-sync.js';
import { fixtureTable } from './fixtures.js';
import { followRemembered } from './follow-remembered.js';
import type { GroupLink } from './groups/group-link.js';
import { Groups } from './groups/groups.js';
import { openGroupLink } from './groups/open-group-link.js';
import { KeyRing } from './keys/key-ring.js';
import { openKeySource } from './keys/open-key-source.js';
import { LatencyBook } from './latency-book.js';
import { LocationApi } from './location/location-api.js';
import { Bounded } from './protect/bounded.js';
import { Gate } from './protect/gate.js';
import { serveRest } from './rest.js';
import { Sessions } from './sessions.js';
import { CallStats } from './stats/call-stats.js';
import { observeDme } from './stats/observe-dme.js';
import { startStatsSender } from './stats/stats-sender.js';
import { AppTable } from './tables.js';
import { Watchers } from './watchers.js';

/** Longest request, bytes. */
const MAX_REQUEST = 64 * 1024;
/** Devices vanish without a word, or keep connections that they do not use. */
const KEEPALIVE: Keepalive = { timeMs: 60_000, timeoutMs: 20_000, maxIdleMs: 10 * 60_000 };
/** Checks of developers' signatures at a time. */
const MAX_TOKEN_CHECKS = 128;

/** What a test, or a worker of several, may replace. */
export interface DmeOverrides {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
  /** Filled by whoever has it; default an empty one. */
  readonly table?: AppTable;
  /** How controllers are reached. */
  readonly dial?: NotifyDialer;
  /** Where what is asked of it is told. */
  readonly metrics?: Metrics;
  /** By which the gateway is known, where another process may answer it. */
  readonly gatewayToken?: string;
  readonly groupLink?: GroupLink;
  readonly latencies?: LatencyBook;
}

/** A match engine. Once it is started, `addresses` has `api`, and `http` and `metrics` unless off. */
export interface Dme extends Service {
  readonly addresses: Readonly<Record<string, string>>;
  readonly logger: Logger;
  /** Whether a controller is connected, and has sent all it has. */
  readonly notifyState: NotifyState;
}

/**
 * Makes a match engine; nothing is opened before `start`. It is ready for clients when a controller has sent what it has,
 * or soon if none is there. Start fails with KEY_FILE_UNREADABLE, TLS_FILE_UNREADABLE or LISTEN_FAILED.
 */
export function createDme(config: DmeConfig, overrides: DmeOverrides = {}): Dme {
  const clock = overrides.clock ?? systemClock;
  const logger = overrides.logger ?? debugLogger('dme', config.debug).logger;
  const random = overrides.random ?? systemRandom;
  const addresses: Record<string, string> = {};
  /** What was started, in the order in which it was. */
  const running: { stop(): Promise<void> }[] = [];
  let notify: NotifyClient | undefined;
  let stopped = false;

  const stopAll = async () => {
    for (const part of running.splice(0).reverse()) await part.stop();
  };

  return {
    addresses,
    logger,
    get notifyState() {
      return notify?.state ?? 'disconnected';
    },

    async start() {
      if (stopped) return;
      const tls = config.tls === undefined ? undefined : loadTls(config.tls);
      const keys = openKeySource(config, { clock, random, logger });
      const ring = new KeyRing(keys.source);
      running.push(ring);
      await ring.start();
      const table =
        overrides.table ?? (config.standalone ? fixtureTable(config.offer) : new AppTable(config.offer));
      const metrics = overrides.metrics ?? new Metrics();
      if (!config.standalone) {
        const options = {
          ...{ tls, logger, clock, random, receivers: keys.receivers },
          ...(overrides.dial && { dial: overrides.dial }),
        };
        notify = await followRemembered(config, table, options, running);
        if (!overrides.metrics) observeNotify(metrics, { client: notify });
      }
      if (!overrides.metrics) observeTable(metrics, table);
      if (config.metricsAddr !== '') {
        const health = () => (stopped ? 'stopping' : addresses['api'] ? undefined : 'starting');
        const listener = await serveMetrics({ address: config.metricsAddr, metrics, health, tls, logger });
        running.push(listener);
        addresses['metrics'] = listener.address;
      }
      const { gatewayToken = randomUUID() } = overrides;
      const server = new RpcServer({
        logger: inArea(logger, 'dmereq'),
        name: 'dme',
        tls,
        clock,
        gatewayToken,
        maxReceiveBytes: MAX_REQUEST,
        connections: { ...config.connections, firstCallMs: 0, lingerMs: 0 },
        keepalive: KEEPALIVE,
      });
      running.push({ stop: () => server.stop() });
      const gate = new Gate(config.gate, clock);
      running.push(gate);
      const stats = new CallStats((key) => table.app(key) !== undefined);
      observeDme(metrics, stats, gate);
      const watchers = new Watchers(table, clock);
      const link = overrides.groupLink ?? openGroupLink(config, { clock, random, logger });
      const groups = new Groups(link, clock, random);
      groups.start();
      const engine = {
        ...{ table, ring, groups, gate, stats, clock, watchers },
        latencies: overrides.latencies ?? new LatencyBook(clock),
        tokenChecks: new Bounded(MAX_TOKEN_CHECKS, 'token checks'),
        sessions: new Sessions(ring, clock, config.cookieExpirationMs),
        cookieExpirationMs: config.cookieExpirationMs,
        secure: tls !== undefined,
        tokenServerUrl: config.tokenServerUrl,
        locationApi:
          config.locationApi && new LocationApi(config.locationApi, clock, inArea(logger, 'locapi')),
      };
      // Devices call often and change nothing, so their calls are not audited.
      server.addService(MATCH_ENGINE_API, matchEngineApi(engine), { audit: false });
      server.addService(DynamicLocGroupApiService, dynamicLocGroupApi(engine), { audit: false });
      if (config.standalone) {
        server.addService(AppApiService, standaloneAppApi(table));
        server.addService(AppInstApiService, standaloneAppInstApi(table));
      }
      notify?.start();
      if (notify && config.syncWaitMs > 0) await firstSync(notify, config.syncWaitMs, clock);
      if (stopped) return;
      const api = await server.listen(config.apiAddr);
      addresses['api'] = api;
      if (config.dlgAddr !== '') addresses['dlg'] = await server.listen(config.dlgAddr);
      if (config.httpAddr !== '') {
        const rest = await serveRest(config, { server, api, gatewayToken, tls, logger, clock });
        running.push(rest);
        addresses['http'] = rest.address;
      }
      running.push(
        startStatsSender({
          ...{ stats, clock, logger: inArea(logger, 'metrics') },
          measurer: { cloudletKey: config.cloudletKey, id: config.scaleId },
          intervalMs: config.statsIntervalMs,
          send: (metric) => notify?.sendMessage('Metric', metric) ?? false,
        }),
      );
      // Stopped first: those who wait for others, or for something to change, would have to be broken off.
      running.push(watchers, groups);
      // A stop may have come while the listeners were being opened.
      if (stopped) await stopAll();
    },

    async stop() {
      stopped = true;
      await stopAll();
    },
  };
}

/** Tells how much is in a table. */
export function observeTable(metrics: Metrics, table: AppTable): void {
  observeObjects(metrics, () => [
    ['App', table.appCount],
    ['AppInst', table.instanceCount],
  ]);
}
