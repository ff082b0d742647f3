// test: timeout=120s
/** Two controllers on one store, told to do different things with the same keys at the same time. */
import { seededRandom } from '@edgeplane/base';
import { CRMOverride, TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TestController } from './testing.js';
import type { ScriptedAgent } from './testing-agent.js';
import { app, appInst, clusterInst, prepare } from './testing-data.js';
import { checkRefs } from './testing-refs.js';

interface Context {
  controllers: readonly [TestController, TestController];
  agent: ScriptedAgent;
}

const ROUNDS = 12;
const CALLERS = 8;
const CALLS = 6;

const races = suite<Context>('races');

races.before(async (context) => {
  const first = await TestController.start();
  context.controllers = [first, await TestController.start({ store: first.store })];
  context.agent = await context.controllers[1].agent();
  await prepare(first);
  await first.run('create', 'App', app('more', { accessPorts: 'tcp:80,udp:80,tcp:22,http:443' }));
});
races.after(async ({ controllers }) => {
  await controllers[1].stop();
  await controllers[0].stop();
});

type Call = (controller: TestController) => Promise<readonly string[]>;

/** What callers may ask for; few keys, so that they meet. */
function calls(random: () => number): Call {
  const one = <T>(...of: [T, ...T[]]): T => of[Math.floor(random() * of.length)] ?? of[0];
  const verb = one('create', 'create', 'update', 'delete', 'delete');
  const forced = random() < 0.1 ? { crmOverride: CRMOverride.IGNORE_TRANSIENT_STATE } : {};
  const cluster = one('c1', 'c2', 'autocluster1');
  if (random() < 0.5) {
    const object = clusterInst(cluster, {
      ...forced,
      numNodes: one(1, 2, 3),
      ipAccess: one(0, 1, 3),
      fields: ['14'],
    });
    return (controller) => controller.run(verb, 'ClusterInst', object);
  }
  const configs = [{ kind: 'envVarsYaml', config: `- name: A\n  value: ${one('1', '2')}\n` }];
  const object = appInst(one('web', 'more'), cluster, { ...forced, fields: ['100'], configs });
  return (controller) => controller.run(verb, 'AppInst', object);
}

const QUIET: readonly number[] = [TrackedState.READY, TrackedState.UPDATE_ERROR];

races('whoever wins, nothing is left of who did not', async ({ controllers, agent }) => {
  const random = seededRandom(20261121);
  const next = () => random.next();
  let done = 0;
  for (let round = 0; round < ROUNDS; round++) {
    // Now and then the agent fails, so that undoing races too.
    agent.clusterInst.create = next() < 0.2 ? { fail: ['no room'] } : 'ok';
    agent.appInst.create = next() < 0.2 ? { fail: ['no image'] } : 'ok';
    agent.appInst.delete = next() < 0.2 ? { fail: ['busy'] } : 'ok';
    const callers = Array.from({ length: CALLERS }, async (_, i) => {
      for (let n = 0; n < CALLS; n++) {
        const call = calls(next);
        const outcome = await call(controllers[i % 2 === 0 ? 0 : 1]);
        assert.not.match(outcome.at(-1) ?? '', /timed out|internal|undefined/i);
        if (outcome.at(-1) === 'OK') done++;
      }
    });
    await Promise.all(callers);
    const [first] = controllers;
    await first.until(async () => {
      const operations = await first.store.list('1/Operation/');
      return operations.entries.length === 0;
    }, 'every operation has ended');
    for (const controller of controllers) {
      const clusters = await controller.show('ClusterInst');
      const apps = await controller.show('AppInst');
      for (const { state } of [...clusters, ...apps]) assert.ok(QUIET.includes(state), `state ${state}`);
      const names = clusters.map(({ key }) => key?.clusterKey?.name);
      for (const { key } of apps) assert.ok(names.includes(key?.clusterInstKey?.clusterKey?.name));
      await checkRefs(controller);
    }
    assert.equal(await controllers[0].show('AppInst'), await controllers[1].show('AppInst'));
  }
  assert.ok(done > ROUNDS * 4, `too few calls went well: ${done}`);
});

races.run();
