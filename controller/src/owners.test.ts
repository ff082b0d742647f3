/** Developers, Operators, Flavors and Clusters: who must exist, what keeps them, and what may change. */
import { CRMOverride } from '@edgeplane/proto/edgeproto/common.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TestController } from './testing.js';
import { app, appInst, cloudlet, clusterInst, flavor, prepare } from './testing-data.js';

const owners = suite<{ controller: TestController }>('owners');

owners.before.each(async (context) => {
  context.controller = await TestController.start();
  await prepare(context.controller);
});

owners.after.each((context) => context.controller.stop());

const IGNORE = { crmOverride: CRMOverride.IGNORE_CRM };
const DEV = { key: { name: 'dev' } };

async function last(controller: TestController, ...args: Parameters<TestController['run']>): Promise<string> {
  return (await controller.run(...args)).at(-1) ?? '';
}

owners('strict owners: what names a missing one is refused', async ({ controller }) => {
  const strict = await TestController.start({ store: controller.store }, { strictOwners: true });
  try {
    await controller.agent();
    const developer = /^Developer dev not found; create it first/;
    assert.match(await last(strict, 'create', 'App', app('other')), developer);
    assert.match(await last(strict, 'create', 'ClusterInst', clusterInst('c1', IGNORE)), developer);
    assert.match(
      await last(strict, 'create', 'Cloudlet', cloudlet('new')),
      /^Operator op not found; create it/,
    );
    assert.is(await last(strict, 'create', 'Cloudlet', cloudlet('default', 'developer')), 'OK');
    for (const [type, object] of [
      ['Developer', DEV],
      ['Operator', { key: { name: 'op' } }],
      ['App', app('other')],
      ['ClusterInst', clusterInst('c1', IGNORE)],
      ['Cloudlet', cloudlet('new')],
    ] as const) {
      assert.is(await last(strict, 'create', type, object), 'OK', type);
    }
  } finally {
    await strict.stop();
  }
});

owners('a developer is kept by each cluster and instance', async ({ controller }) => {
  await controller.agent();
  assert.is(await last(controller, 'create', 'Developer', DEV), 'OK');
  assert.is(await last(controller, 'create', 'ClusterInst', clusterInst('c1', IGNORE)), 'OK');
  assert.is(await last(controller, 'delete', 'Developer', DEV), 'Developer in use by Application');
  assert.is(await last(controller, 'update', 'App', app('web', { fields: ['20'], delOpt: 1 })), 'OK');
  assert.match(await last(controller, 'delete', 'Developer', DEV), /^Developer in use by ClusterInst .*"c1"/);
  assert.is((await controller.show('App')).length, 1, 'nothing went before the refusal');
  assert.is(await last(controller, 'delete', 'ClusterInst', clusterInst('c1', IGNORE)), 'OK');
  assert.is(await last(controller, 'create', 'AppInst', appInst('web', 'autocluster', IGNORE)), 'OK');
  assert.match(
    await last(controller, 'delete', 'Developer', DEV),
    /^Developer in use by Application Instance .*"web"/,
  );
  assert.is(await last(controller, 'delete', 'AppInst', appInst('web', 'autocluster', IGNORE)), 'OK');
  assert.is(await last(controller, 'delete', 'Developer', DEV), 'OK');
  assert.equal(await controller.show('App'), []);
});

owners('a flavor changes until something is made with it', async ({ controller }) => {
  const change = (fields: string[], changes: object = {}) => ({
    ...flavor('f', 5n, 6n, 7n),
    fields,
    ...changes,
  });
  assert.is(await last(controller, 'update', 'Flavor', change(['3'])), 'Key not found');
  await controller.run('create', 'Flavor', flavor('f'));
  assert.is(await last(controller, 'update', 'Flavor', change([])), 'OK');
  assert.is(await last(controller, 'update', 'Flavor', change(['3', '4'])), 'OK');
  const [stored] = await controller.show('Flavor', { key: { name: 'f' } });
  assert.equal([stored?.ram, stored?.vcpus, stored?.disk], [5n, 6n, 1n]);
  assert.is(await last(controller, 'update', 'Flavor', change(['5'], { disk: 0n })), 'Disk cannot be 0');
  const inUse = (by: string) => `Update flavor not supported while it is in use, by ${by}`;
  await controller.run('create', 'Cluster', { key: { name: 'x' }, defaultFlavor: { name: 'f' } });
  assert.is(await last(controller, 'update', 'Flavor', change(['5'])), inUse('Cluster {"name":"x"}'));
  assert.is(await last(controller, 'delete', 'Flavor', flavor('f')), 'Flavor in use by Cluster');
  await controller.run('delete', 'Cluster', { key: { name: 'x' } });
  await controller.agent();
  await controller.run('create', 'ClusterInst', clusterInst('c1', { ...IGNORE, flavor: { name: 'f' } }));
  assert.ok((await last(controller, 'update', 'Flavor', change(['5']))).startsWith(inUse('ClusterInst {')));
  assert.is(await last(controller, 'update', 'Flavor', change(['3'])), 'OK', 'it has that size already');
});

owners('a cluster changes until there is a ClusterInst of its name', async ({ controller }) => {
  const change = (name: string) => ({ key: { name: 'c1' }, defaultFlavor: { name }, fields: ['3.1'] });
  assert.is(await last(controller, 'update', 'Cluster', change('small')), 'Key not found');
  await controller.run('create', 'Cluster', { key: { name: 'c1' } });
  assert.is(await last(controller, 'update', 'Cluster', change('no')), 'default flavor no not found');
  assert.is(await last(controller, 'update', 'Cluster', change('small')), 'OK');
  assert.is((await controller.show('Cluster'))[0]?.defaultFlavor?.name, 'small');
  await controller.agent();
  await controller.run('create', 'ClusterInst', clusterInst('c1', IGNORE));
  assert.match(
    await last(controller, 'update', 'Cluster', change('')),
    /^Update cluster not supported while it is in use, by ClusterInst \{/,
  );
});

owners.run();
