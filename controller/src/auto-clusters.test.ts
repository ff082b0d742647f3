/** Auto-clusters that several AppInsts want at the same time. */
import { fail } from '@edgeplane/base';
import { MemoryStore, storeErrors, type TxnRequest } from '@edgeplane/store';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TestController } from './testing.js';
import type { ScriptedAgent } from './testing-agent.js';
import { app, appInst, prepare } from './testing-data.js';

const clusters = suite<{ controller: TestController }>('auto-clusters');

clusters.before.each(async (context) => {
  context.controller = await TestController.start();
  await prepare(context.controller);
});

clusters.after.each((context) => context.controller.stop());

const NAMES = Array.from({ length: 50 }, (_, i) => `app${i}`);

async function createApps(controller: TestController, names: readonly string[]): Promise<void> {
  const ends = await Promise.all(names.map((name) => controller.run('create', 'App', app(name))));
  assert.ok(ends.every((end) => end.join() === 'OK'));
}

/** The agent tells, late, that the only cluster is there. */
async function made(controller: TestController, agent: ScriptedAgent): Promise<void> {
  const [inst] = await controller.show('ClusterInst');
  assert.ok(inst?.key);
  agent.clusterInfos.put({ fields: [], key: inst.key, notifyId: 0n, state: 5, errors: [] });
}

/** Waits until no cluster is left, and nothing of it. */
async function gone(controller: TestController): Promise<void> {
  const left = async (prefix: string) => (await controller.store.list(prefix)).entries.length;
  await controller.until(
    async () => (await left('1/ClusterInst/')) + (await left('1/Operation/')) === 0,
    'the cluster goes',
  );
}

clusters('one makes it, the others wait for it, on whatever controller', async ({ controller }) => {
  await controller.agent();
  await createApps(controller, NAMES);
  const other = await TestController.start({ store: controller.store });
  try {
    const ends = await Promise.all(
      // The name is written in more than one way, and is one name.
      NAMES.map((name, i) =>
        (i % 2 ? controller : other).run(
          'create',
          'AppInst',
          appInst(name, i % 3 ? 'autoclusterX' : 'autocluster!x'),
        ),
      ),
    );
    const steps = ['Creating', 'Ready', 'Created successfully'];
    const makers = ends.filter((end) => end.length === 7);
    assert.is(makers.length, 1);
    assert.equal(makers[0], [...steps, ...steps, 'OK']);
    for (const end of ends) if (end !== makers[0]) assert.equal(end, [...steps, 'OK']);
    const names = (await controller.show('ClusterInst')).map((inst) => inst.key?.clusterKey?.name);
    assert.equal(names, ['autoclusterx']);
    const gone = await Promise.all(
      NAMES.map((name) => controller.run('delete', 'AppInst', appInst(name, 'autoclusterX'))),
    );
    assert.ok(gone.every((end) => end.at(-1) === 'OK'));
    await controller.until(
      async () => (await controller.show('ClusterInst')).length === 0,
      'the cluster goes',
    );
    assert.equal((await controller.store.list('1/ClusterRefs/')).entries, []);
  } finally {
    await other.stop();
  }
});

clusters('when it fails, all who wait are told why, and nothing is left', async ({ controller }) => {
  const agent = await controller.agent();
  agent.clusterInst.create = 'stuck';
  await createApps(controller, ['a', 'b', 'c']);
  const creating = ['a', 'b', 'c'].map((name) =>
    controller.run('create', 'AppInst', appInst(name, 'autocluster1')),
  );
  await controller.until(async () => (await controller.show('ClusterInst'))[0]?.state === 3, 'creating');
  agent.clusterInst.create = { fail: ['no room'] };
  const [inst] = await controller.show('ClusterInst');
  assert.ok(inst?.key);
  agent.clusterInfos.put({ fields: [], key: inst.key, notifyId: 0n, state: 4, errors: ['no room'] });
  for (const end of await Promise.all(creating)) assert.is(end.at(-1), 'Encountered failures: no room');
  assert.equal(await controller.show('ClusterInst'), []);
  assert.equal(await controller.show('AppInst'), []);
});

clusters('who comes while it is being deleted waits, and makes it anew', async ({ controller }) => {
  const agent = await controller.agent();
  await createApps(controller, ['a', 'b']);
  await controller.run('create', 'AppInst', appInst('a', 'autocluster1'));
  agent.clusterInst.delete = 'stuck';
  const deleting = controller.run('delete', 'AppInst', appInst('a', 'autocluster1'));
  await controller.until(async () => (await controller.show('ClusterInst'))[0]?.state === 10, 'deleting');
  const creating = controller.run('create', 'AppInst', appInst('b', 'autocluster1'));
  const [inst] = await controller.show('ClusterInst');
  assert.ok(inst?.key);
  agent.clusterInfos.delete(inst.key);
  assert.is((await deleting).at(-1), 'OK');
  assert.is((await creating).at(-1), 'OK');
});

clusters('the wait ends with the time of a create', async () => {
  const controller = await TestController.start({ timeouts: { create: 500, update: 500, delete: 500 } });
  try {
    await prepare(controller);
    const agent = await controller.agent();
    agent.clusterInst.create = 'stuck';
    await createApps(controller, ['a', 'b']);
    const ends = await Promise.all(
      ['a', 'b'].map((name) => controller.run('create', 'AppInst', appInst(name, 'autocluster1'))),
    );
    assert.ok(
      ends.every((end) => /ClusterInst \{.*\} not ready$/.test(end.at(-1) ?? '')),
      JSON.stringify(ends),
    );
    await made(controller, agent);
    await gone(controller);
  } finally {
    await controller.stop();
  }
});

clusters('when its agent is away it goes when the agent is back', async () => {
  const controller = await TestController.start({ timeouts: { create: 500, update: 500, delete: 500 } });
  try {
    await prepare(controller);
    const agent = await controller.agent();
    await createApps(controller, ['a']);
    assert.is((await controller.run('create', 'AppInst', appInst('a', 'autocluster1'))).at(-1), 'OK');
    agent.clusterInst.delete = 'silent';
    assert.is((await controller.run('delete', 'AppInst', appInst('a', 'autocluster1'))).at(-1), 'OK');
    await controller.until(async () => (await controller.show('ClusterInst'))[0]?.state === 5, 'given up');
    agent.clusterInst.delete = 'ok';
    await gone(controller);
  } finally {
    await controller.stop();
  }
});

/** Has no answer for who ends an operation on a ClusterInst. */
class FaultyStore extends MemoryStore {
  faulty = true;

  override async txn(request: TxnRequest) {
    const ends = request.ops.some(
      (op) => op.type === 'delete' && op.key.includes('/Operation/["ClusterInst"'),
    );
    if (!ends || !this.faulty) return super.txn(request);
    throw fail(storeErrors.STORE_UNAVAILABLE, { store: 'memory', reason: 'no answer' });
  }
}

clusters('it does not stay when the store fails as its time is up', async () => {
  const store = new FaultyStore();
  const timeouts = { create: 500, update: 500, delete: 500 };
  const controller = await TestController.start({ store, timeouts });
  try {
    await prepare(controller);
    const agent = await controller.agent();
    agent.clusterInst.create = 'stuck';
    await createApps(controller, ['a']);
    const end = await controller.run('create', 'AppInst', appInst('a', 'autocluster1'));
    assert.is(end.at(-1), 'store memory is unavailable: no answer');
    store.faulty = false;
    await made(controller, agent);
    await gone(controller);
  } finally {
    await controller.stop();
    await store.close();
  }
});

clusters.run();
