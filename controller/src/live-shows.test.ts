/** Shows of what each controller knows only of the agents connected to it, merged over controllers. */
import { silentLogger } from '@edgeplane/base';
import { NotifyClient, ObjectTable, type Receiver, type SendSource } from '@edgeplane/notify';
import { appInstMetric, cloudletMetric, OBJECTS } from '@edgeplane/objects';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { MemoryStore } from '@edgeplane/store';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TestController } from './testing.js';
import type { ScriptedAgent } from './testing-agent.js';
import { appInst, appKey, clusterInst, prepare, SITE } from './testing-data.js';

interface Context {
  store: MemoryStore;
  one: TestController;
  other: TestController;
}

const tests = suite<Context>('live shows');

tests.before.each(async (context) => {
  context.store = new MemoryStore();
  context.one = await TestController.start({ store: context.store });
  context.other = await TestController.start({ store: context.store });
});

tests.after.each(async ({ one, other, store }) => {
  await one.stop();
  await other.stop();
  await store.close();
});

const CLUSTER = { clusterKey: { name: 'c1' }, cloudletKey: SITE, developer: 'dev' };
const KEY = { appKey: appKey('web'), clusterInstKey: CLUSTER };

tests('Infos are shown by every controller, filtered, and go with their agent', async ({ one, other }) => {
  const agent = await one.agent();
  agent.appInfos.put({ ...OBJECTS.AppInstInfo.withKey(KEY), state: TrackedState.READY });
  agent.clusterInfos.put({ ...OBJECTS.ClusterInstInfo.withKey(CLUSTER), errors: ['full'] });
  await one.until(async () => (await one.show('ClusterInstInfo')).length === 1, 'the Infos are there');

  for (const controller of [one, other]) {
    const [app] = await controller.show('AppInstInfo', { state: TrackedState.READY });
    assert.is(app?.state, TrackedState.READY);
    assert.equal(await controller.show('AppInstInfo', { state: TrackedState.CREATING }), []);
    const [cluster] = await controller.show('ClusterInstInfo', { key: { clusterKey: { name: 'c1' } } });
    assert.equal(cluster?.errors, ['full']);
  }
  assert.equal(await other.show('AppInstInfo', {}, 'showAppInstInfoLocal'), []);

  agent.clusterInfos.delete(CLUSTER);
  await other.until(async () => (await other.show('ClusterInstInfo')).length === 0, 'withdrawn');
  await agent.stop();
  await other.until(async () => (await other.show('AppInstInfo')).length === 0, 'gone with the agent');
});

tests('what a new connection reports outlives the end of the one before', async ({ one }) => {
  const reports = async (id: bigint) => {
    const agent = await one.agent();
    agent.appInfos.put({ ...OBJECTS.AppInstInfo.withKey(KEY), state: TrackedState.READY });
    await one.until(async () => {
      const ids = (await one.show('AppInstInfo')).map((info) => info.notifyId);
      return ids.length === 1 && ids[0] === id;
    }, 'reported');
    return agent;
  };
  const first = await reports(0n);
  await reports(1n);
  await first.stop();
  await one.until(async () => (await one.show('Node')).length <= 1, 'the first connection has ended');
  assert.is((await one.show('AppInstInfo')).length, 1);
});

tests('a Node tells what its process did not take, and since when it is away', async ({ one, other }) => {
  const nodes = new ObjectTable(OBJECTS.Node);
  nodes.put(OBJECTS.Node.withKey({ ...OBJECTS.Node.key(OBJECTS.Node.empty()), name: 'picky' }));
  const flavors: Receiver = {
    type: OBJECTS.Flavor as unknown as Receiver['type'],
    onUpdate() {
      throw new Error('not to my taste');
    },
    onDelete: () => undefined,
  };
  const client = new NotifyClient({
    addrs: [one.controller.addresses['notify'] ?? ''],
    filterCloudletKey: false,
    sources: [nodes as unknown as SendSource],
    receivers: [flavors],
    messageReceivers: [],
    logger: silentLogger,
  });
  client.start();
  await prepare(one);
  const shown = async () => (await other.show('Node'))[0];
  await other.until(async () => ((await shown())?.refusedObjects.length ?? 0) > 0, 'refused');
  const node = await shown();
  assert.equal(node?.refusedObjects, ['edgeproto.Flavor {"name":"small"}: not to my taste']);
  assert.equal([node?.notifyVersion, node?.staleSinceMs], [2, 0n]);
  const before = Date.now();
  await client.abandon();
  await other.until(async () => ((await shown())?.staleSinceMs ?? 0n) >= before, 'stale');
  assert.is((await shown())?.notifyVersion, 0);
});

tests('the latest sample counts, of what exists and the sender speaks for', async ({ one, other }) => {
  for (const controller of [one, other]) await controller.agent();
  await prepare(one);
  await one.run('create', 'ClusterInst', clusterInst());
  await one.run('create', 'AppInst', appInst());
  const [refs] = await one.show('ClusterRefs', { key: { clusterKey: { name: 'c1' } } });
  assert.equal(refs?.apps, [KEY.appKey]);
  const agents = [await one.agent(), await other.agent()];
  const measure = (agent: ScriptedAgent | undefined, memBytes: bigint) => {
    for (const key of [KEY, { ...KEY, appKey: appKey('unknown') }])
      assert.ok(agent?.measured(appInstMetric(key, 1000, { memBytes })));
    agent?.measured(cloudletMetric(SITE, 1000, { memBytes, cpuPercent: 12.5 }));
    agent?.measured(cloudletMetric({ ...SITE, name: 'not mine' }, 1000, { memBytes }));
  };
  for (const [memBytes, agent] of [
    [1n, agents[0]],
    [2n, agents[1]],
    [3n, agents[0]],
  ] as const) {
    measure(agent, memBytes);
    for (const controller of [one, other]) {
      await controller.until(async () => {
        const [cloudlet] = await controller.show('CloudletMetrics');
        return cloudlet?.memBytes === memBytes;
      }, 'the sample is shown');
      const shown = await controller.show('AppInstMetrics', { key: { appKey: { name: 'web' } } });
      assert.equal(
        shown.map((m) => [m.memBytes, m.key]),
        [[memBytes, KEY]],
      );
      assert.is((await controller.show('AppInstMetrics')).length, 1);
      assert.is((await controller.show('CloudletMetrics')).length, 1);
    }
  }
  await one.run('delete', 'AppInst', appInst());
  await other.until(async () => (await other.show('AppInstMetrics')).length === 0, 'gone with the instance');
});

tests.run();
