import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import { type ServerProcess, startServer } from './server-process.js';

/** A real InfluxDB 1.x on loopback. */
export interface Influx {
  /** `host:port`. */
  readonly addr: string;
  /** Ends it as a crash would; what it has acknowledged is on disk. */
  kill(): Promise<void>;
  /** Starts it again on the same data and port. */
  start(): Promise<void>;
  /** Runs a query on database `metrics`; the first series' rows, none when there is no series. */
  query(text: string): Promise<readonly (readonly unknown[])[]>;
}

/**
 * Starts InfluxDB with its data below `dir` and waits until it answers.
 * @throws Error naming the Debian package when there is no such program.
 */
export async function startInflux(dir: string): Promise<Influx> {
  const addr = `127.0.0.1:${await freePort()}`;
  const config = join(dir, 'influx.conf');
  writeFileSync(config, configText(dir, addr));
  let running: ServerProcess | undefined;
  const influx: Influx = {
    addr,
    async kill() {
      await running?.kill();
    },
    async start() {
      running = await startServer({
        ...{ command: 'influxd', args: ['run', '-config', config], debianPackage: 'influxdb' },
        async serves() {
          return (await fetch(`http://${addr}/ping`, { signal: AbortSignal.timeout(2000) })).status === 204;
        },
      });
    },
    async query(text) {
      const params = new URLSearchParams({ db: 'metrics', q: text });
      const answer = await fetch(`http://${addr}/query?${params}`, { signal: AbortSignal.timeout(10_000) });
      const body = (await answer.json()) as {
        results?: readonly { error?: string; series?: readonly { values?: readonly unknown[][] }[] }[];
      };
      const [result] = body.results ?? [];
      if (result?.error !== undefined) throw new Error(`${text}: ${result.error}`);
      return result?.series?.[0]?.values ?? [];
    },
  };
  await influx.start();
  return influx;
}

function configText(dir: string, addr: string): string {
  const path = (name: string) => JSON.stringify(join(dir, 'influx', name));
  return `reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
  dir = ${path('meta')}
[data]
  dir = ${path('data')}
  wal-dir = ${path('wal')}
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "${addr}"
  log-enabled = false
`;
}
