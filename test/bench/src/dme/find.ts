import { MatchEngineApiClient, MatchEngineApiService } from '@edgeplane/proto/dme/app-client.js';
import { callUnary, connect } from '@edgeplane/rpc';
import { tempDir } from '@edgeplane/test-harness';
import { type Bench, type Figure, median, percentile, rateFigure, upperFigure } from '../figures.js';
import { startChild } from '../notify/child.js';
import { usageOf } from '../notify/usage.js';
import type { EchoMethods } from './echo-program.js';
import type { EngineMethods } from './engine-program.js';
import { type Calls, ECHO_PATH, Load } from './find-load.js';
import { findRequests, registerRequest, replyBytes } from './world.js';

/** The measured and the raw take turns, so that what else the machine does meets both. */
const ROUNDS = 5;

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
    const requests = findRequests(sessionCookie);
    const raw = await echo.call('start', { bytes: replyBytes() });
    const found = new Load(address, MatchEngineApiService.findCloudlet.path, requests, () =>
      usageOf(engine.pid),
    );
    const echoed = new Load(raw, ECHO_PATH, requests, () => usageOf(echo.pid));
    loads.push(found, echoed);
    for (const load of loads) await load.run(warmUp);
    const runs: Record<'found' | 'echoed', Calls>[] = [];
    for (let round = 0; round < ROUNDS; round++)
      runs.push({ found: await found.run(calls), echoed: await echoed.run(calls) });
    const of = (which: 'found' | 'echoed', value: (run: Calls) => number) =>
      median(runs.map((run) => value(run[which])));
    const name = `dme.find-among-${instances}`;
    const p99 = ({ times }: Calls) => percentile(times, 0.99);
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
