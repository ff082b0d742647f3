// test: timeout=120s
/** What holds for objects of every type: acceptance vectors 7 and 18 of controller spec section 22. */
import type { ObjectName } from '@edgeplane/objects';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TestController } from './testing.js';
import { app, appInst, cloudlet, clusterInst, flavor, prepare } from './testing-data.js';

const objects = suite<{ controller: TestController }>('every object');
objects.before(async (context) => {
  context.controller = await TestController.start();
  await context.controller.agent();
  await prepare(context.controller);
});
objects.after(({ controller }) => controller.stop());

interface Case {
  readonly type: ObjectName;
  /** The n-th of several objects. */
  readonly make: (n: number) => object;
  readonly empty: object;
  /** An update that lists one field and carries another one, too. */
  readonly change: object;
  readonly listed: string;
  readonly passedOver: string;
}

const CASES: readonly Case[] = [
  {
    type: 'Developer',
    make: (n) => ({ key: { name: `dev${n}` }, username: 'u', email: 'e' }),
    empty: {},
    change: { fields: ['5'], address: 'a', email: 'x' },
    listed: 'address',
    passedOver: 'email',
  },
  {
    type: 'Flavor',
    make: (n) => flavor(`f${n}`),
    empty: flavor(''),
    change: { fields: ['3'], ram: 7n, vcpus: 9n },
    listed: 'ram',
    passedOver: 'vcpus',
  },
  {
    type: 'Cluster',
    make: (n) => ({ key: { name: `c${n}` }, defaultFlavor: { name: 'small' } }),
    empty: {},
    change: { fields: ['3'], defaultFlavor: { name: '' }, auto: true },
    listed: 'defaultFlavor',
    passedOver: 'auto',
  },
  {
    type: 'Cloudlet',
    make: (n) => cloudlet(`site${n}`),
    empty: cloudlet('', ''),
    change: { fields: ['8'], numDynamicIps: 7, ipSupport: 0 },
    listed: 'numDynamicIps',
    passedOver: 'ipSupport',
  },
  {
    type: 'App',
    make: (n) => app(`a${n}`, { command: 'c' }),
    empty: app('', { key: {} }),
    change: { fields: ['13'], command: 'x', accessPorts: 'tcp:1' },
    listed: 'command',
    passedOver: 'accessPorts',
  },
  {
    type: 'ClusterInst',
    make: (n) => clusterInst(`i${n}`),
    empty: clusterInst('', { key: {} }),
    change: { fields: ['14'], numNodes: 3, ipAccess: 3 },
    listed: 'numNodes',
    passedOver: 'ipAccess',
  },
];
/** Whatever was streamed before. */
const outcome = (messages: readonly string[]) => messages.at(-1);

for (const { type, make, empty, change, listed, passedOver } of CASES) {
  objects(`${type}: create, show, update, delete`, async ({ controller }) => {
    const before = (await controller.show(type)).length;
    for (const n of [1, 2, 3]) assert.is(outcome(await controller.run('create', type, make(n))), 'OK');
    assert.is(outcome(await controller.run('create', type, make(1))), 'Key already exists');
    assert.is((await controller.show(type)).length, before + 3);
    assert.is.not(outcome(await controller.run('create', type, empty)), 'OK');

    const shown = async () => {
      const [one] = await controller.show(type, { key: (make(2) as { key: object }).key });
      if (!one) throw new Error(`no ${type}`);
      return one as unknown as Record<string, unknown>;
    };
    const old = await shown();
    assert.is(outcome(await controller.run('update', type, { ...make(2), ...change })), 'OK');
    const now = await shown();
    assert.equal(now[listed], (change as Record<string, unknown>)[listed]);
    assert.equal(now[passedOver], old[passedOver]);
    assert.is.not(outcome(await controller.run('update', type, { ...make(9), ...change })), 'OK');

    for (const n of [1, 2, 3]) assert.is(outcome(await controller.run('delete', type, make(n))), 'OK');
    assert.is(outcome(await controller.run('delete', type, make(1))), 'Key not found');
    assert.is((await controller.show(type)).length, before);
    assert.equal(await controller.show(type, { key: (make(2) as { key: object }).key }), []);
  });
}

objects('AppInst: create, show, delete', async ({ controller }) => {
  assert.is(outcome(await controller.run('create', 'ClusterInst', clusterInst())), 'OK');
  for (const name of ['i1', 'i2']) assert.is(outcome(await controller.run('create', 'App', app(name))), 'OK');
  for (const name of ['i1', 'i2'])
    assert.is(outcome(await controller.run('create', 'AppInst', appInst(name))), 'OK');
  assert.is(outcome(await controller.run('create', 'AppInst', appInst('i1'))), 'Key already exists');
  assert.is((await controller.show('AppInst')).length, 2);
  for (const name of ['i1', 'i2'])
    assert.is(outcome(await controller.run('delete', 'AppInst', appInst(name))), 'OK');
  assert.is(outcome(await controller.run('delete', 'AppInst', appInst('i1'))), 'Key not found');
  assert.equal(await controller.show('AppInst'), []);
});

objects('names', async ({ controller }) => {
  const named = async (name: string) => controller.run('create', 'Flavor', flavor(name));
  for (const name of [
    ...['myname', 'my name', '00112', 'My_name 0001-0002'],
    ...['Sonoral S.A.', 'Atlantic, Inc.', 'Pillimo Go!'],
  ])
    assert.equal(await named(name), ['OK'], name);
  for (const name of ['', ' name', '-name', 'a;sldfj', '$fadf'])
    assert.equal(await named(name), ['Invalid flavor name'], name);
});

objects.run();
