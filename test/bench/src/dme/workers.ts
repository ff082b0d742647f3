import { readFileSync } from 'node:fs';
import { MatchEngineApiClient, MatchEngineApiService } from '@edgeplane/proto/dme/app-client.js';
import { callUnary, connect } from '@edgeplane/rpc';
import { type Running, startDme, tempDir } from '@edgeplane/test-harness';
import { type Bench, median, rateFigure, upperFigure } from '../figures.js';
import { startChild } from '../notify/child.js';
import { type Usage, usageOf } from '../notify/usage.js';
import type { ControllerMethods } from './controller-program.js';
import type { EchoMethods } from './echo-program.js';
import { type Calls, ECHO_PATH, Load } from './find-load.js';
import { findRequests, registerRequest, replyBytes } from './world.js';

const INSTANCES = 1000;
const WORKERS = 2;
/** The measured and the raw take turns, so that what else the machine does meets both. */
const ROUNDS = 5;
/** The best of the reference on two cores, with ten instances. */
const REFERENCE_PER_SECOND = 27_707;

/** Both cores, which the callers need as well: what counts beside the rate is the processor time of all workers per call. */
export const workersBench: Bench = {
  group: 'dme',
  name: 'FindCloudlet with worker processes',
  async run({ warmUp, calls }) {
    const dir = tempDir('dme');
    const controller = startChild<ControllerMethods>('../dme/controller-program');
    const echo = startChild<EchoMethods>('../dme/echo-program');
    let dme: Running | undefined;
    const loads: Load[] = [];
    try {
      const notify = await controller.call('start', { instances: INSTANCES });
      dme = await startDme(dir.path, notify, ['--workers', String(WORKERS), '--shed-lag', '0s']);
      const { pid } = dme;
      const address = dme.addresses['api'] ?? '';
      const client = connect(MatchEngineApiClient, address);
      const { sessionCookie } = await callUnary(client, 'registerClient', registerRequest());
      client.close();
      const requests = findRequests(sessionCookie);
      const raw = await echo.call('start', { bytes: replyBytes() });
      const usage = () => sumOf(childrenOf(pid).map(usageOf));
      const found = new Load(address, MatchEngineApiService.findCloudlet.path, requests, usage);
      const echoed = new Load(raw, ECHO_PATH, requests, () => usageOf(echo.pid));
      loads.push(found, echoed);
      for (const load of loads) await load.run(warmUp);
      const ours: Calls[] = [];
      const bare: Calls[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        ours.push(await found.run(calls));
        bare.push(await echoed.run(calls));
      }
      const rate = (runs: readonly Calls[]) => median(runs.map((run) => run.rate));
      const cpu = (runs: readonly Calls[]) => median(runs.map((run) => run.cpu));
      const name = `dme.find-${WORKERS}-workers`;
      return [
        rateFigure(name, rate(ours), rate(bare), null, REFERENCE_PER_SECOND),
        upperFigure(`${name}-cpu`, 'us', cpu(ours), cpu(bare), 1.25),
      ];
    } finally {
      for (const load of loads) load.close();
      await dme?.stop();
      await Promise.all([controller.stop(), echo.stop()]);
      dir.remove();
    }
  },
};

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/).map(Number);
}

function sumOf(all: readonly Usage[]): Usage {
  return all.reduce((a, b) => ({
    cpuMs: a.cpuMs + b.cpuMs,
    residentMb: a.residentMb + b.residentMb,
    peakMb: a.peakMb + b.peakMb,
  }));
}
