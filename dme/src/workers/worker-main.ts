/**
 * One of several processes that serve the clients of a match engine together; the primary starts it, and tells it everything.
 * Its command line is the primary's.
 */
import { type Logger, messageOf, systemClock } from '@edgeplane/base';
import type { NotifyCall } from '@edgeplane/notify';
import { Metrics } from '@edgeplane/observe';
import { type DmeConfig, parseConfig } from '../config.js';
import { createDme } from '../dme.js';
import { type GroupLink, LocalLink } from '../groups/group-link.js';
import { LATENCY_LIMITS, LatencyBook } from '../latency-book.js';
import { MessageStreams } from './message-streams.js';
import type { ToPrimary, ToWorker } from './messages.js';

/** How long the tables may take to come, milliseconds. */
const TABLES_MS = 60_000;

function tell(message: ToPrimary, done: (error: Error | null) => void = () => undefined): void {
  if (process.connected) process.send?.(message, undefined, undefined, done);
  else done(new Error('the primary is gone'));
}

const streams = new MessageStreams(tell);
const metrics = new Metrics();
metrics.watchProcess();
const latencies = new LatencyBook(systemClock, LATENCY_LIMITS, (sample) => tell({ kind: 'latency', sample }));

/** Messages go by way of the primary, so that all hear them in the same order. */
class PrimaryLink implements GroupLink {
  readonly #here = new LocalLink();

  start(deliver: Parameters<GroupLink['start']>[0]): void {
    this.#here.start(deliver);
  }

  send(message: Parameters<GroupLink['send']>[0]): void {
    tell({ kind: 'group', message });
  }

  deliver(message: Parameters<GroupLink['send']>[0]): void {
    this.#here.send(message);
  }

  async stop(): Promise<void> {
    await this.#here.stop();
  }
}

const link = new PrimaryLink();

/** The primary's settings, less what is the primary's own business. */
function settings(workers: number): DmeConfig {
  const config = parseConfig(process.argv.slice(2), process.env);
  const share = (value: number) => Math.max(1, Math.ceil(value / workers));
  const { rate } = config.gate;
  return {
    ...config,
    metricsAddr: '',
    stateDir: '',
    notifyVersion: 2,
    // The primary keeps the controller's keys in that file.
    cookieKeys: config.cookieKeys === 'controller' ? 'kept' : config.cookieKeys,
    syncWaitMs: TABLES_MS,
    gate: {
      ...config.gate,
      rate: rate && { perSecond: share(rate.perSecond), burst: share(rate.burst) },
    },
    connections: { ...config.connections, max: share(config.connections.max) },
  };
}

function dial(): NotifyCall {
  const stream = streams.open();
  return {
    stream,
    farewell: async () => {
      stream.end();
    },
    close: () => void stream.destroy(),
  };
}

let dme: ReturnType<typeof createDme> | undefined;
let logger: Logger | undefined;

async function start(message: ToWorker & { kind: 'start' }): Promise<void> {
  try {
    const config = settings(message.workers);
    dme = createDme(config, {
      ...{ dial, metrics, latencies, gatewayToken: message.gatewayToken },
      ...(config.nats.urls.length === 0 && { groupLink: link }),
    });
    logger = dme.logger;
    await dme.start();
    tell({ kind: 'ready', addresses: dme.addresses });
  } catch (error) {
    tell({ kind: 'failed', reason: messageOf(error) }, () => process.exit(1));
  }
}

async function stop(): Promise<void> {
  try {
    await dme?.stop();
  } catch (error) {
    logger?.error({ err: error }, 'Stop failed');
    process.exitCode = 1;
  }
  process.exit();
}

process.on('message', (message: ToWorker) => {
  if (message.kind === 'start') void start(message);
  else if (message.kind === 'stop') void stop();
  else if (message.kind === 'group') link.deliver(message.message);
  else if (message.kind === 'latency') latencies.add(message.sample);
  else if (message.kind === 'metrics')
    void metrics.part().then((part) => tell({ kind: 'metrics', ask: message.ask, metrics: part }));
  else streams.take(message);
});
process.on('disconnect', () => void stop());
// Who ends the primary ends all of it; a terminal's Ctrl-C reaches this process as well.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => undefined);
tell({ kind: 'here' });
