/** Updates of AppInsts: flavor and configs, through the states, and back when they fail. */
import { OBJECTS } from '@edgeplane/objects';
import { CRMOverride } from '@edgeplane/proto/edgeproto/common.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BRIEF, TestController } from './testing.js';
import type { ScriptedAgent } from './testing-agent.js';
import { app, appInst, appKey, clusterInst, clusterKey, flavor, prepare, SITE } from './testing-data.js';

const updates = suite<{ controller: TestController; agent: ScriptedAgent }>('updates of AppInsts');

updates.before.each(async (context) => {
  context.controller = await TestController.start({ timeouts: { ...BRIEF, create: 30_000, delete: 30_000 } });
  const { controller } = context;
  await prepare(controller);
  context.agent = await controller.agent();
  await ok(controller, 'create', 'Flavor', flavor('big', 4096n, 2n, 20n));
  await ok(controller, 'create', 'ClusterInst', clusterInst());
  await ok(controller, 'create', 'AppInst', appInst());
});

updates.after.each((context) => context.controller.stop());

async function ok(controller: TestController, ...args: Parameters<TestController['run']>): Promise<void> {
  assert.is((await controller.run(...args)).at(-1), 'OK');
}

const big = (changes: object = {}) =>
  appInst('web', 'c1', { fields: ['12.1'], flavor: { name: 'big' }, ...changes });

async function seen(controller: TestController) {
  const [inst] = await controller.show('AppInst');
  const { entries } = await controller.store.list('1/ClusterRefs/');
  const refs = entries.map((entry) => OBJECTS.ClusterRefs.fromStored(entry.value));
  return [inst?.state, inst?.flavor?.name, inst?.previous, refs[0]?.usedRam];
}

updates('a new flavor and new configs', async ({ controller }) => {
  const steps = ['Updating', 'Ready', 'Updated successfully', 'OK'];
  assert.equal(await controller.run('update', 'AppInst', big()), steps);
  assert.equal(await seen(controller), [5, 'big', undefined, 4096n]);
  const configs = [{ kind: 'envVarsYaml', config: '- name: A\n  value: "1"\n' }];
  const change = appInst('web', 'c1', { fields: ['100'], configs });
  assert.equal(await controller.run('update', 'AppInst', change), steps);
  const [inst] = await controller.show('AppInst');
  assert.equal([inst?.configs, inst?.flavor?.name], [configs, 'big']);
  const bad = appInst('web', 'c1', { fields: ['100'], configs: [{ kind: 'envVarsYaml', config: 'x: 1' }] });
  assert.match(
    (await controller.run('update', 'AppInst', bad)).at(-1) ?? '',
    /configs\[0\] of kind envVarsYaml/,
  );
  const back = appInst('web', 'c1', { fields: ['12'], flavor: { name: '' } });
  assert.equal(await controller.run('update', 'AppInst', back), steps);
  assert.equal(await seen(controller), [5, 'small', undefined, 1024n], "the App's default");
});

updates('what fails goes back; it can be tried again, and be deleted', async ({ controller, agent }) => {
  agent.appInst.update = { fail: ['no', 'room'] };
  const failed = ['Updating', 'UpdateError', 'Encountered failures: no, room'];
  assert.equal(await controller.run('update', 'AppInst', big()), failed);
  assert.equal(await seen(controller), [8, 'small', undefined, 1024n]);
  assert.equal((await controller.show('AppInst'))[0]?.errors, ['no', 'room']);
  agent.appInst.update = 'ok';
  await ok(controller, 'update', 'AppInst', big());
  assert.equal(await seen(controller), [5, 'big', undefined, 4096n]);
  agent.appInst.update = { fail: ['no'] };
  await controller.run('update', 'AppInst', big({ flavor: { name: 'small' } }));
  assert.equal(await seen(controller), [8, 'big', undefined, 4096n]);
  await ok(controller, 'delete', 'AppInst', appInst());
  assert.equal(await seen(controller), [undefined, undefined, undefined, 0n]);
});

updates(
  'an agent that does not begin: as before; one that does not end: under way',
  async ({ controller, agent }) => {
    agent.appInst.update = 'silent';
    const silent = 'Timed out; expected state Ready but is UpdateRequested';
    assert.equal(await controller.run('update', 'AppInst', big()), [silent]);
    assert.equal(await seen(controller), [8, 'small', undefined, 1024n]);
    agent.appInst.update = 'stuck';
    const [first, second, third] = await controller.run('update', 'AppInst', big());
    assert.is(first, 'Updating');
    assert.match(second ?? '', /^Timed out while work still in progress state Updating/);
    assert.is(third, 'OK');
    assert.is(await lastOf(controller, big()), 'AppInst is not ready, state is Updating');
    // Nobody waits any more: the report alone settles it.
    const key = { appKey: appKey(), clusterInstKey: { ...clusterKey(), cloudletKey: SITE } };
    agent.appInfos.put({ ...OBJECTS.AppInstInfo.withKey(key), state: 8, errors: ['late'] });
    await controller.until(async () => (await seen(controller))[0] === 8, 'the late failure');
    assert.equal(await seen(controller), [8, 'small', undefined, 1024n]);
  },
);

async function lastOf(controller: TestController, change: object): Promise<string> {
  return (await controller.run('update', 'AppInst', change)).at(-1) ?? '';
}

updates('what cannot be', async ({ controller }) => {
  assert.is(await lastOf(controller, appInst()), 'nothing specified to update');
  assert.is(
    await lastOf(controller, big({ fields: ['12', '4', '9.1'] })),
    'some specified fields cannot be modified: 4, 9.1; only flavor and configs can',
  );
  assert.is(await lastOf(controller, big({ flavor: { name: 'no' } })), 'Flavor no not found');
  assert.is(await lastOf(controller, appInst('no', 'c1', { fields: ['12'] })), 'Key not found');
  const direct = big({ crmOverride: CRMOverride.IGNORE_CRM });
  assert.equal(await controller.run('update', 'AppInst', direct), ['OK']);
  assert.equal(await seen(controller), [5, 'big', undefined, 4096n]);
});

updates('an older agent is not asked', async ({ controller }) => {
  await controller.agent('op', 'site', { appUpdates: false });
  await controller.until(
    async () => (await controller.show('CloudletInfo'))[0]?.updatesAppInsts === false,
    'the agent is known',
  );
  assert.is(
    await lastOf(controller, big()),
    'Update app instance not supported yet by the agent of cloudlet op/site',
  );
});

updates('a bigger virtual machine must fit, and is counted', async ({ controller, agent }) => {
  const [info] = [...agent.info.values()];
  assert.ok(info);
  agent.info.put({ ...info, osMaxRam: 6000n, limitsBinding: true });
  await controller.until(
    async () => (await controller.show('CloudletInfo'))[0]?.limitsBinding === true,
    'the limits are known',
  );
  await ok(controller, 'create', 'App', app('vm', { imageType: 2, imagePath: 'x.qcow2' }));
  await ok(controller, 'create', 'AppInst', appInst('vm', 'label'));
  const change = appInst('vm', 'label', { fields: ['12'], flavor: { name: 'big' } });
  const text = 'Not enough resources on cloudlet op/site: RAM: 3072 MB wanted, 3072 MB of 6000 MB in use';
  assert.is(await lastOf(controller, change), text);
  agent.info.put({ ...info, osMaxRam: 7000n, limitsBinding: true });
  await controller.until(
    async () => (await controller.show('CloudletInfo'))[0]?.osMaxRam === 7000n,
    'the limits are known',
  );
  await ok(controller, 'update', 'AppInst', change);
  assert.is((await controller.show('CloudletRefs'))[0]?.standaloneRam, 4096n);
});

updates.run();
