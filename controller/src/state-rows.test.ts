/** What a create, update or delete answers for an instance in each state (controller spec sections 13, 14, 20.1, 20.2). */
import { OBJECTS } from '@edgeplane/objects';
import { AppInst } from '@edgeplane/proto/edgeproto/app_inst.js';
import { ClusterInst } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { objectKey } from './db/store-keys.js';
import { TestController } from './testing.js';
import { app, appInst, appKey, cloudlet, clusterInst, clusterKey, flavor, prepare } from './testing-data.js';

const S = TrackedState;
const rows = suite<{ controller: TestController }>('state rows');

rows.before.each(async (context) => {
  context.controller = await TestController.start();
  await context.controller.agent();
  await prepare(context.controller);
});
rows.after.each((context) => context.controller.stop());

/** Stores an instance in a state that the API alone would take long to bring it to. */
async function stored(
  controller: TestController,
  type: 'ClusterInst' | 'AppInst',
  changes: object,
): Promise<void> {
  const object =
    type === 'ClusterInst'
      ? OBJECTS.ClusterInst.normalize(ClusterInst.fromPartial({ ...clusterInst(), ...changes }))
      : OBJECTS.AppInst.normalize(AppInst.fromPartial({ ...appInst(), ...changes }));
  const { keyJsonOf, toStored } = OBJECTS[type] as unknown as {
    keyJsonOf(o: unknown): string;
    toStored(o: unknown): string;
  };
  const key = objectKey(1, type, keyJsonOf(object));
  await controller.store.txn({ ops: [{ type: 'put', key, value: toStored(object) }] });
  await controller.until(async () => (await controller.show(type)).length === 1, 'it is shown');
}

rows('ClusterInst in CREATE_ERROR: a create gives hints, a delete removes it', async ({ controller }) => {
  await stored(controller, 'ClusterInst', { state: S.CREATE_ERROR, errors: ['e1', 'e2'] });
  assert.equal(await controller.run('create', 'ClusterInst', clusterInst()), [
    'Previous create failed, [e1 e2]',
    'Use DeleteClusterInst to remove and try again',
    'Key already exists',
  ]);
});

rows('ClusterInst in DELETE_ERROR: a delete gives hints, a create rebuilds it', async ({ controller }) => {
  await stored(controller, 'ClusterInst', { state: S.DELETE_ERROR, errors: ['e1', 'e2'] });
  assert.equal(await controller.run('delete', 'ClusterInst', clusterInst()), [
    'Previous delete failed, [e1 e2]',
    'Use CreateClusterInst to rebuild, and try again',
    'ClusterInst busy, cannot delete',
  ]);
  const again = clusterInst('c1', { numNodes: 2 });
  assert.is((await controller.run('create', 'ClusterInst', again)).at(-1), 'OK');
  const [inst] = await controller.show('ClusterInst');
  assert.equal([inst?.state, inst?.errors, inst?.numNodes], [S.READY, [], 2], 'as the new request says');
});

rows('AppInst in CREATE_ERROR: a create gives hints', async ({ controller }) => {
  await controller.run('create', 'ClusterInst', clusterInst());
  await stored(controller, 'AppInst', { state: S.CREATE_ERROR, errors: ['e1', 'e2'] });
  assert.equal(await controller.run('create', 'AppInst', appInst()), [
    'Previous create failed, [e1 e2]',
    'Use DeleteAppInst to remove and try again',
    'Key already exists',
  ]);
});

rows('an update needs a cluster with a master, and Ready', async ({ controller }) => {
  const resize = clusterInst('c1', { fields: ['14'], numNodes: 2 });
  await stored(controller, 'ClusterInst', { state: S.READY, numMasters: 0, flavor: { name: 'small' } });
  assert.equal(await controller.run('update', 'ClusterInst', resize), ['cannot modify single node clusters']);
});

rows('an update waits for nobody: a cluster in work is refused', async ({ controller }) => {
  const resize = clusterInst('c1', { fields: ['14'], numNodes: 2 });
  await stored(controller, 'ClusterInst', { state: S.CREATE_ERROR, numMasters: 1 });
  assert.equal(await controller.run('update', 'ClusterInst', resize), ['cluster is not ready']);
});

rows('an AppInst needs its cluster Ready', async ({ controller }) => {
  await stored(controller, 'ClusterInst', { state: S.CREATE_ERROR, numMasters: 1, deployment: 'kubernetes' });
  const key = OBJECTS.ClusterInst.keyJsonOf(ClusterInst.fromPartial(clusterInst()));
  assert.equal(await controller.run('create', 'AppInst', appInst()), [`ClusterInst ${key} not ready`]);
});

rows('a cluster is not rebuilt into another kind under its AppInsts', async ({ controller }) => {
  await controller.run('create', 'ClusterInst', clusterInst());
  await controller.run('create', 'AppInst', appInst());
  const [cluster] = await controller.show('ClusterInst');
  await stored(controller, 'ClusterInst', { ...cluster, state: S.DELETE_ERROR });
  await controller.until(
    async () => (await controller.show('ClusterInst'))[0]?.state === S.DELETE_ERROR,
    'seen',
  );
  assert.equal(await controller.run('create', 'ClusterInst', clusterInst('c1', { ipAccess: 1 })), [
    'ClusterInst in use by Application Instance web: ip_access cannot change from IpAccessShared to IpAccessDedicated',
  ]);
  assert.is((await controller.run('create', 'ClusterInst', clusterInst())).at(-1), 'OK');
  assert.is((await controller.run('delete', 'AppInst', appInst())).at(-1), 'OK');
  assert.equal((await controller.show('CloudletRefs'))[0]?.rootLbPorts, {});
});

rows('what is in use names its user', async ({ controller }) => {
  const refused = async (verb: 'delete', type: 'Flavor' | 'Cluster', object: object) =>
    (await controller.run(verb, type, object)).at(-1);
  await controller.run('create', 'Flavor', flavor('extra'));
  await controller.run('create', 'Cluster', { key: { name: 'c1' } });
  await controller.run('create', 'ClusterInst', clusterInst());
  await controller.run('create', 'AppInst', appInst('web', 'c1', { flavor: { name: 'extra' } }));
  assert.is(await refused('delete', 'Flavor', { key: { name: 'extra' } }), 'Flavor in use by App Instance');
  assert.is(await refused('delete', 'Cluster', { key: { name: 'c1' } }), 'Cluster in use by ClusterInst');
});

rows(
  'a cloudlet without an agent: its state is in the error, quoted as protobuf text',
  async ({ controller }) => {
    const key = { operatorKey: { name: 'op' }, name: 'no, such' };
    await controller.run('create', 'Cloudlet', cloudlet('no, such'));
    const { error } = await controller.call('createClusterInst', 'ClusterInst', {
      ...clusterInst(),
      key: clusterKey('c1', key),
    });
    assert.is(
      error?.message,
      'Cloudlet operator_key:<name:"op" > name:"no, such"  not ready, state is CLOUDLET_STATE_NOT_PRESENT',
    );
    assert.is(error?.status, 'FAILED_PRECONDITION');
  },
);

rows('an App of another developer, and one whose deployment does not fit', async ({ controller }) => {
  await controller.run('create', 'App', app('dock', { deployment: 'docker' }));
  await controller.run('create', 'ClusterInst', clusterInst());
  assert.equal(await controller.run('create', 'AppInst', appInst('dock')), [
    'Cannot deploy docker App into kubernetes ClusterInst',
  ]);
  await controller.run('create', 'App', app('web', { key: appKey('web', 'other') }));
  const key = { appKey: appKey('web', 'other'), clusterInstKey: clusterKey() };
  assert.equal(await controller.run('create', 'AppInst', { key }), [
    'Developer name mismatch between app: other and cluster inst: dev',
  ]);
});

rows.run();
