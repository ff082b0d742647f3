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
import type { Gateway } from '@edgeplane/gateway';
import { type NotifyClient, type NotifyState, observeNotify, observeObjects } from '@edgeplane/notify';
import { Metrics } from '@edgeplane/observe';
import { MatchEngineApiService } from '@edgeplane/proto/dme/app-client.js';
import { loadTls, type MetricsListener, RpcServer, serveMetrics } from '@edgeplane/rpc';
import { matchEngineApi } from './api/match-engine-api.js';
import type { DmeConfig } from './config.js';
import { followControllers } from './follow.js';
import { keyFileSource } from './keys/key-file.js';
import { KeyRing } from './keys/key-ring.js';
import { serveRest } from './rest.js';
import { Sessions } from './sessions.js';
import { AppTable } from './tables.js';

/** What a test may replace. */
export interface DmeOverrides {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
}

/** A match engine. Once it is started, `addresses` has `api`, and `http` and `metrics` unless off. */
export interface Dme extends Service {
  readonly addresses: Readonly<Record<string, string>>;
  readonly logger: Logger;
  /** Whether a controller is connected, and has sent all it has. */
  readonly notifyState: NotifyState;
}

/**
 * Makes a match engine; nothing is opened before `start`. It is ready for clients before a controller is connected,
 * and then answers that it knows no App. Start fails with KEY_FILE_UNREADABLE, TLS_FILE_UNREADABLE or LISTEN_FAILED.
 */
export function createDme(config: DmeConfig, overrides: DmeOverrides = {}): Dme {
  const clock = overrides.clock ?? systemClock;
  const logger = overrides.logger ?? debugLogger('dme', config.debug).logger;
  const addresses: Record<string, string> = {};
  let server: RpcServer | undefined;
  let ring: KeyRing | undefined;
  let rest: Gateway | undefined;
  let notify: NotifyClient | undefined;
  let listener: MetricsListener | undefined;
  let stopped = false;

  return {
    addresses,
    logger,
    get notifyState() {
      return notify?.state ?? 'disconnected';
    },

    async start() {
      if (stopped) return;
      const tls = config.tls === undefined ? undefined : loadTls(config.tls);
      ring = new KeyRing(keyFileSource(config.cookieKeyFile, logger, clock));
      await ring.start();
      const table = new AppTable();
      notify = followControllers(config, table, {
        tls,
        logger,
        clock,
        random: overrides.random ?? systemRandom,
      });
      const metrics = new Metrics();
      observeNotify(metrics, { client: notify });
      observeObjects(metrics, () => [
        ['App', table.appCount],
        ['AppInst', table.instanceCount],
      ]);
      if (config.metricsAddr !== '') {
        const health = () => (stopped ? 'stopping' : addresses['api'] ? undefined : 'starting');
        listener = await serveMetrics({ address: config.metricsAddr, metrics, health, tls, logger });
        addresses['metrics'] = listener.address;
      }
      const gatewayToken = randomUUID();
      server = new RpcServer({ logger: inArea(logger, 'dmereq'), name: 'dme', tls, clock, gatewayToken });
      const engine = {
        table,
        sessions: new Sessions(ring, clock, config.cookieExpirationMs),
        clock,
        tokenServerUrl: config.tokenServerUrl,
        carrier: config.carrier,
      };
      // Devices call often and change nothing, so their calls are not audited.
      server.addService(MatchEngineApiService, matchEngineApi(engine), { audit: false });
      const api = await server.listen(config.apiAddr);
      addresses['api'] = api;
      if (config.httpAddr !== '') {
        rest = await serveRest(config, { server, api, gatewayToken, tls, logger, clock });
        addresses['http'] = rest.address;
      }
      // A stop may have come while the listeners were being opened.
      if (stopped) await Promise.all([server.stop(), rest?.stop(), ring.stop(), listener?.stop()]);
      else notify.start();
    },

    async stop() {
      stopped = true;
      await Promise.all([rest?.stop(), server?.stop(), notify?.stop(), ring?.stop()]);
      await listener?.stop();
    },
  };
}
