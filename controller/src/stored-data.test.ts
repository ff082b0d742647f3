/** What is in the store already, made by others or damaged, and what the controller makes of it. */
import { OBJECTS, type ObjectName } from '@edgeplane/objects';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { MemoryStore } from '@edgeplane/store';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { objectKey } from './db/store-keys.js';
import { TestController } from './testing.js';
import { app, appInst, cloudlet, clusterInst, prepare, SITE } from './testing-data.js';

const stored = suite<{ controller: TestController }>('stored data');

stored.before.each(async (context) => {
  context.controller = await TestController.start();
  await prepare(context.controller);
});
stored.after.each((context) => context.controller.stop());

/** Changes members of a stored object, as another controller of this family would leave them. */
async function alter(controller: TestController, type: ObjectName, members: object): Promise<void> {
  const { entries } = await controller.store.list(`1/${type}/`);
  const [entry] = entries;
  if (!entry || entries.length > 1) throw new Error(`${entries.length} objects`);
  const value = JSON.stringify({ ...JSON.parse(entry.value), ...members });
  await controller.store.txn({ ops: [{ type: 'put', key: entry.key, value }] });
}

stored('a cloudlet takes its dynamic instances along, each deleted by the agent', async ({ controller }) => {
  const agent = await controller.agent();
  assert.is((await controller.run('create', 'ClusterInst', clusterInst())).at(-1), 'OK');
  assert.is((await controller.run('create', 'AppInst', appInst())).at(-1), 'OK');
  await alter(controller, 'ClusterInst', { liveness: 'LivenessDynamic' });
  await alter(controller, 'AppInst', { liveness: 'LivenessDynamic' });
  const dynamic = async () => {
    const found = [...(await controller.show('ClusterInst')), ...(await controller.show('AppInst'))];
    return found.length === 2 && found.every((inst) => inst.liveness === 2);
  };
  await controller.until(dynamic, 'dynamic');
  const outcome = await controller.run('delete', 'Cloudlet', cloudlet());
  assert.is(outcome.at(-1), 'OK', outcome.join('; '));
  for (const type of ['Cloudlet', 'CloudletRefs', 'ClusterInst', 'AppInst'] as const) {
    assert.equal(await controller.show(type), [], type);
  }
  for (const type of ['ClusterInst', 'AppInst']) {
    assert.ok(
      agent.heard.includes(`${type} ${TrackedState.DELETE_REQUESTED}`),
      `${type}: the agent was told`,
    );
  }
});

stored('an App takes its dynamic instances along', async ({ controller }) => {
  await controller.agent();
  await controller.run('create', 'ClusterInst', clusterInst());
  await controller.run('create', 'AppInst', appInst());
  await alter(controller, 'AppInst', { liveness: 'LivenessDynamic' });
  await controller.until(async () => (await controller.show('AppInst'))[0]?.liveness === 2, 'dynamic');
  assert.equal(await controller.run('delete', 'App', app()), ['OK']);
  assert.equal([await controller.show('App'), await controller.show('AppInst')], [[], []]);
});

stored('old and foreign spellings are read, and written back in ours', async ({ controller }) => {
  await controller.agent();
  await controller.run('create', 'ClusterInst', clusterInst());
  await controller.run('create', 'AppInst', appInst());
  // An enum by number, a quoted decimal, a member of another version, members in another order.
  await alter(controller, 'AppInst', { state: 5, liveness: '1', not_ours: { a: [1] }, errors: null });
  await controller.until(async () => (await controller.show('AppInst'))[0]?.state === 5, 'shown');
  assert.is((await controller.show('AppInst'))[0]?.liveness, 1);
  assert.is((await controller.run('delete', 'AppInst', appInst())).at(-1), 'OK');
});

stored('what cannot be read harms nothing else, at a start and later', async () => {
  const store = new MemoryStore();
  const bad = [
    ['1/Flavor/{"name":"torn', '{"key":{"name":"torn"}}'],
    ['1/Flavor/{"name":"half"}', '{"key":{"name":"half"'],
    ['1/Flavor/', 'x'],
    ['1/Nothing/{"name":"known"}', '{}'],
    ['1/', ''],
  ] as const;
  const put = () => store.txn({ ops: bad.map(([key, value]) => ({ type: 'put' as const, key, value })) });
  await put();
  const controller = await TestController.start({ store });
  try {
    await prepare(controller);
    await put();
    const key = objectKey(1, 'Flavor', OBJECTS.Flavor.keyJson({ name: 'good' }));
    const value = OBJECTS.Flavor.toStored({ ...OBJECTS.Flavor.withKey({ name: 'good' }), ram: 1n });
    await store.txn({ ops: [{ type: 'put', key, value }] });
    const names = async () => (await controller.show('Flavor')).map(({ key: k }) => k?.name).sort();
    await controller.until(async () => (await names()).includes('good'), 'good');
    assert.ok((await names()).includes('small'));
    assert.not.ok((await names()).includes('half'));
    const half = { key: { name: 'half' }, ram: 1n, vcpus: 1n, disk: 1n };
    assert.equal(await controller.run('create', 'Flavor', half), ['Key already exists']);
    assert.equal(await controller.run('delete', 'Flavor', half), ['OK'], 'it can be removed');
    assert.equal(await controller.run('create', 'Flavor', half), ['OK']);
  } finally {
    await controller.stop();
    await store.close();
  }
});

stored('nodes are not of the store: what the store goes through leaves them', async ({ controller }) => {
  await controller.agent();
  await controller.until(async () => (await controller.show('Node')).length === 1, 'node');
  const filter = { key: { cloudletKey: SITE } };
  (controller.store as MemoryStore).compact((await controller.store.get('x')).revision);
  await controller.run('create', 'Cluster', { key: { name: 'c' } });
  assert.is((await controller.show('Node', filter)).length, 1);
});

stored.run();
