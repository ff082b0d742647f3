import { MatchEngineApiClient, MatchEngineApiService } from '@edgeplane/proto/dme/app-client.js';
import { callUnary, connect } from '@edgeplane/rpc';
import { tempDir } from '@edgeplane/test-harness';
import { type Bench, type Figure, median, percentile, rateFigure, upperFigure } from '../figures.js';
import { ratePerSecond } from '../load.js';
import { startChild } from '../notify/child.js';
import { cpuEach, usageOf } from '../notify/usage.js';
import { bareCaller } from '../raw-client.js';
import type { EchoMethods } from './echo-program.js';
import type { EngineMethods } from './engine-program.js';
import { findRequest, registerRequest, replyBytes } from './world.js';

const IN_FLIGHT = 64;
/** The measured and the raw take turns, so that what else the machine does meets both. */
const ROUNDS = 5;
const CLIENTS = 500;
const ECHO_PATH = '/raw.Raw/Echo';

interface Run {
  readonly rate: number;
  /** Processor time of the server per call, microseconds. */
  readonly cpu: number;
  readonly times: readonly number[];
}

/** Calls of a method from many places, so many of them in flight. */
class Load {
  readonly #pid: number;
  readonly #path: string;
  readonly #requests: readonly Uint8Array[];
  readonly #caller: ReturnType<typeof bareCaller>;

  constructor(address: string, pid: number, path: string, requests: readonly Uint8Array[]) {
    this.#pid = pid;
    this.#path = path;
    this.#requests = requests;
    this.#caller = bareCaller(address);
  }

  async run(calls: number): Promise<Run> {
    const times: number[] = [];
    const before = usageOf(this.#pid);
    const rate = await ratePerSecond(calls, IN_FLIGHT, async (i) => {
      const began = performance.now();
      await this.#caller.unary(this.#path, this.#requests[i % CLIENTS] ?? new Uint8Array());
      times.push(performance.now() - began);
    });
    return { rate, cpu: cpuEach(before, usageOf(this.#pid), calls), times };
  }

  close(): void {
    this.#caller.close();
  }
}

async function measure(instances: number, warmUp: number, calls: number): Promise<readonly Figure[]> {
  const dir = tempDir('dme');
  const engine = startChild<EngineMethods>('../dme/engine-program', ['--max-old-space-size=4096']);
  const echo = startChild<EchoMethods>('../dme/echo-program');
  const loads: Load[] = [];
  try {
    const address = await engine.call('start', { dir: dir.path, instances });
    const client = connect(MatchEngineApiClient, address);
    const { sessionCookie } = await callUnary(client, 'registerClient', registerRequest());
    client.close();
    const requests = Array.from({ length: CLIENTS }, (_, i) => findRequest(sessionCookie, i));
    const raw = await echo.call('start', { bytes: replyBytes() });
    const found = new Load(address, engine.pid, MatchEngineApiService.findCloudlet.path, requests);
    const echoed = new Load(raw, echo.pid, ECHO_PATH, requests);
    loads.push(found, echoed);
    for (const load of loads) await load.run(warmUp);
    const runs: Record<'found' | 'echoed', Run>[] = [];
    for (let round = 0; round < ROUNDS; round++)
      runs.push({ found: await found.run(calls), echoed: await echoed.run(calls) });
    const of = (which: 'found' | 'echoed', value: (run: Run) => number) =>
      median(runs.map((run) => value(run[which])));
    const name = `dme.find-among-${instances}`;
    const p99 = ({ times }: Run) => percentile(times, 0.99);
    return [
      rateFigure(
        name,
        of('found', (r) => r.rate),
        of('echoed', (r) => r.rate),
        0.8,
      ),
      upperFigure(
        `${name}-cpu`,
        'us',
        of('found', (r) => r.cpu),
        of('echoed', (r) => r.cpu),
        1.25,
      ),
      upperFigure(`${name}-p99`, 'ms', of('found', p99), of('echoed', p99), null),
    ];
  } finally {
    for (const load of loads) load.close();
    await Promise.all([engine.stop(), echo.stop()]);
    dir.remove();
  }
}

export const findBench: Bench = {
  group: 'dme',
  name: 'FindCloudlet beside a bare echo',
  async run({ offered, warmUp, calls }) {
    const figures: Figure[] = [];
    for (const instances of offered) figures.push(...(await measure(instances, warmUp, calls)));
    return figures;
  },
};
