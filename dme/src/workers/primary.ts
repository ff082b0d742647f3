import { debugLogger, inArea, type Logger, systemClock, systemRandom } from '@edgeplane/base';
import { type NotifyClient, observeNotify } from '@edgeplane/notify';
import { Metrics } from '@edgeplane/observe';
import { loadTls, serveMetrics } from '@edgeplane/rpc';
import type { DmeConfig } from '../config.js';
import { type Dme, observeTable } from '../dme.js';
import { firstSync } from '../first-sync.js';
import { followRemembered } from '../follow-remembered.js';
import { KeyRing } from '../keys/key-ring.js';
import { openKeySource } from '../keys/open-key-source.js';
import { AppTable } from '../tables.js';
import { Fleet } from './fleet.js';
import { Hub } from './hub.js';

/** A match engine of several processes. */
export interface Primary extends Dme {
  /** Process ids of its workers. */
  readonly workers: readonly number[];
}

/**
 * Makes a match engine whose clients are served by workers. To controllers it is one: this process follows them, keeps the
 * tables, hands them to its workers, and tells what these count, as sums. `argv` is the workers' command line.
 */
export function createPrimary(config: DmeConfig, argv: readonly string[], log?: Logger): Primary {
  const [clock, random] = [systemClock, systemRandom];
  const logger = log ?? debugLogger('dme', config.debug).logger;
  const addresses: Record<string, string> = {};
  const running: { stop(): Promise<void> }[] = [];
  let notify: NotifyClient | undefined;
  let fleet: Fleet | undefined;
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
    get workers() {
      return fleet?.pids ?? [];
    },

    async start() {
      if (stopped) return;
      const tls = config.tls === undefined ? undefined : loadTls(config.tls);
      const keys = openKeySource(config, { clock, random, logger });
      const ring = new KeyRing(keys.source);
      running.push(ring);
      await ring.start();
      const table = new AppTable(config.offer);
      const options = { tls, logger, clock, random, receivers: keys.receivers };
      const client = await followRemembered(config, table, options, running);
      notify = client;
      const hub = new Hub({
        ...{ table, clock, logger: inArea(logger, 'notify'), intervalMs: config.statsIntervalMs },
        send: (metric) => client.sendMessage('Metric', metric),
      });
      running.push(hub);
      const members = new Fleet({
        ...{ size: config.workers, argv, clock, random, logger },
        serve: (worker, stream, gone) => hub.serve(worker, stream, gone),
        ended: (worker) => hub.ended(worker),
      });
      fleet = members;
      running.push(members);
      client.start();
      if (config.syncWaitMs > 0) await firstSync(client, config.syncWaitMs, clock);
      if (stopped) return stopAll();
      await members.start();
      Object.assign(addresses, members.addresses);
      const metrics = new Metrics();
      observeNotify(metrics, { client });
      observeTable(metrics, table);
      metrics.include(() => members.metrics());
      if (config.metricsAddr !== '') {
        const health = () => (stopped ? 'stopping' : undefined);
        const listener = await serveMetrics({ address: config.metricsAddr, metrics, health, tls, logger });
        running.push(listener);
        addresses['metrics'] = listener.address;
      }
      if (stopped) await stopAll();
    },

    async stop() {
      stopped = true;
      await stopAll();
    },
  };
}
