import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { sleep, systemClock } from '@edgeplane/base';
import { AppInstApiClient } from '@edgeplane/proto/edgeproto/app_inst.js';
import { callStream, connect } from '@edgeplane/rpc';
import { eventually, type Running, startAgent, startController, tempDir } from '@edgeplane/test-harness';
import { type Bench, durationFigure, memoryFigure, upperFigure } from '../figures.js';
import { ratePerSecond } from '../load.js';
import { usageOf } from '../notify/usage.js';
import { startRawStream } from '../raw-stream.js';
import { appInst, createAll, SITE } from '../samples.js';

const FAKE = ['--platform', 'fakecloudlet'];
const LIMIT_MS = 60_000;
const IN_FLIGHT = 16;

interface FakeSite {
  readonly agent: () => Running;
  /** Kills the agent, and starts it anew; from its launch until everything is as the controller wants it, milliseconds. */
  restart(options: { readonly forgetting: boolean }): Promise<number>;
}

/** How often an agent has told that everything is as the controller wants it. */
function reconciled(log: string): number {
  return readFileSync(log, 'utf8').split('"Reconciled"').length - 1;
}

/** Runs `work` with a controller and an agent of the fake platform with this many AppInsts, each a process of its own. */
async function withFakeSite<T>(instances: number, work: (site: FakeSite) => Promise<T>): Promise<T> {
  const dir = tempDir('bfake');
  const controller = await startController(dir.path, `lmdb:${join(dir.path, 'store')}`);
  const { api = '', notify = '' } = controller.addresses;
  const log = join(dir.path, `agent-${SITE.name}.log`);
  let agent = await startAgent(dir.path, notify, SITE, FAKE);
  const client = connect(AppInstApiClient, api);
  try {
    await createAll(api);
    await ratePerSecond(instances, IN_FLIGHT, async (i) => {
      for await (const _ of callStream(client, 'createAppInst', appInst('web', `autocluster-${i}`)));
    });
    return await work({
      agent: () => agent,
      async restart({ forgetting }) {
        agent.kill('SIGKILL');
        await agent.exited;
        if (forgetting) {
          rmSync(join(dir.path, `agent-${SITE.name}`, 'fakecloudlet'), { recursive: true });
        }
        const before = reconciled(log);
        const started = performance.now();
        agent = await startAgent(dir.path, notify, SITE, FAKE);
        await eventually('the agent has reconciled', () => reconciled(log) > before, LIMIT_MS);
        return performance.now() - started;
      },
    });
  } finally {
    client.close();
    await agent.stop(LIMIT_MS);
    await controller.stop();
    dir.remove();
  }
}

/** What an agent with many instances takes, beside one with none and a bare grpc-js server. */
const overhead: Bench = {
  group: 'runtime',
  name: 'agent with many fake instances',
  async run({ instances, idleMs }) {
    const raw = await startRawStream(0, 0);
    const bareMb = usageOf(raw.pid).residentMb;
    await raw.stop();
    const idle = async ({ agent }: FakeSite) => {
      const { pid } = agent();
      const before = usageOf(pid);
      const began = performance.now();
      await sleep(systemClock, idleMs);
      const after = usageOf(pid);
      const share = ((after.cpuMs - before.cpuMs) / (performance.now() - began)) * 100;
      return { share: Math.max(share, 0.01), residentMb: after.residentMb };
    };
    const none = await withFakeSite(0, idle);
    const many = await withFakeSite(instances, idle);
    return [
      upperFigure('runtime.agent-cpu', '% of a core', many.share, none.share, null),
      memoryFigure('runtime.agent-memory-empty', none.residentMb, bareMb, null),
      memoryFigure('runtime.agent-memory', many.residentMb, none.residentMb, null),
    ];
  },
};

/** From the launch of a killed agent until everything is as it should be: nothing to do, and everything lost. */
const reconcile: Bench = {
  group: 'runtime',
  name: 'agent with many fake instances starts anew',
  async run({ reconciled }) {
    const empty = await withFakeSite(0, (site) => site.restart({ forgetting: false }));
    const [kept, lost] = await withFakeSite(reconciled, async (site) => [
      await site.restart({ forgetting: false }),
      await site.restart({ forgetting: true }),
    ]);
    return [
      durationFigure('runtime.reconcile', kept ?? Number.NaN, empty, null, 2000),
      durationFigure('runtime.reconcile-all-lost', lost ?? Number.NaN, empty, null),
    ];
  },
};

export const agentScaleBenches: readonly Bench[] = [overhead, reconcile];
