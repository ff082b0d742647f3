/** What is used of sites: limits, static addresses, ports of dedicated clusters, and the repair of wrong counts. */
import { OBJECTS } from '@edgeplane/objects';
import { CRMOverride } from '@edgeplane/proto/edgeproto/common.js';
import type { CloudletRefs } from '@edgeplane/proto/edgeproto/refs.js';
import { MemoryStore } from '@edgeplane/store';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TestController } from './testing.js';
import { app, appInst, appKey, cloudlet, clusterInst, clusterKey, prepare, SITE } from './testing-data.js';

const refs = suite<{ controller: TestController }>('refs');

refs.before.each(async (context) => {
  context.controller = await TestController.start();
  await prepare(context.controller);
});

refs.after.each((context) => context.controller.stop());

const IGNORE = { crmOverride: CRMOverride.IGNORE_CRM };
/** Room for four nodes of flavor `small`. */
const LIMITS = { osMaxRam: 4096n, osMaxVcores: 8n, osMaxVolGb: 1000n };

async function ok(controller: TestController, ...args: Parameters<TestController['run']>): Promise<void> {
  assert.is((await controller.run(...args)).at(-1), 'OK');
}

async function clusterRefs({ store }: TestController) {
  const { entries } = await store.list('1/ClusterRefs/');
  return entries.map((entry) => OBJECTS.ClusterRefs.fromStored(entry.value));
}

refs(
  'limits that an agent calls binding are enforced; of two at once one gets the rest',
  async ({ controller }) => {
    await controller.agent('op', 'site', { limits: { ...LIMITS, limitsBinding: true } });
    await ok(controller, 'create', 'ClusterInst', clusterInst('c1'));
    const both = await Promise.all([
      controller.call('createClusterInst', 'ClusterInst', clusterInst('c2')),
      controller.call('createClusterInst', 'ClusterInst', clusterInst('c3')),
    ]);
    const refused = both.filter(({ error }) => error);
    assert.is(refused.length, 1);
    assert.is(refused[0]?.error?.status, 'RESOURCE_EXHAUSTED');
    const text = 'Not enough resources on cloudlet op/site: RAM: 2048 MB wanted, 4096 MB of 4096 MB in use';
    assert.is(refused[0]?.error?.message, text);
    const grow = clusterInst('c1', { fields: ['14'], numNodes: 2 });
    assert.match((await controller.run('update', 'ClusterInst', grow)).at(-1) ?? '', /RAM: 1024 MB wanted/);
    await ok(controller, 'create', 'App', app('vm', { imageType: 2, imagePath: 'x.qcow2' }));
    const vm = appInst('vm', 'label');
    assert.match((await controller.run('create', 'AppInst', vm)).at(-1) ?? '', /RAM: 1024 MB wanted/);
    await ok(controller, 'delete', 'ClusterInst', clusterInst('c1'));
    await ok(controller, 'create', 'AppInst', vm);
    const [counted] = await controller.show('CloudletRefs');
    assert.equal([counted?.usedRam, counted?.standaloneRam, counted?.standaloneDisk], [2048n, 1024n, 10n]);
    await ok(controller, 'delete', 'AppInst', vm);
    assert.is((await controller.show('CloudletRefs'))[0]?.standaloneRam, 0n);
  },
);

refs('limits that are not binding are not enforced, unless always', async ({ controller }) => {
  await controller.agent('op', 'site', { limits: { osMaxRam: 1n } });
  await ok(controller, 'create', 'ClusterInst', clusterInst('c1'));
  const strict = await TestController.start({ store: controller.store }, { enforceCapacity: 'always' });
  try {
    const outcome = await strict.run('create', 'ClusterInst', clusterInst('c2'));
    assert.match(outcome.at(-1) ?? '', /RAM: 2048 MB wanted, 2048 MB of 1 MB in use/);
  } finally {
    await strict.stop();
  }
});

refs('static addresses are given to dedicated clusters, and kept while in use', async ({ controller }) => {
  const site = (staticIps: string, fields: string[] = []) =>
    cloudlet('fixed', 'op', { ipSupport: 1, numDynamicIps: 0, staticIps, fields });
  await ok(controller, 'create', 'Cloudlet', site('10.0.0.1-10.0.0.3'));
  await controller.agent('op', 'fixed');
  const at = { operatorKey: { name: 'op' }, name: 'fixed' };
  const dedicated = (name: string) => ({ ...clusterInst(name, { ipAccess: 1 }), key: clusterKey(name, at) });
  await ok(controller, 'create', 'ClusterInst', dedicated('d1'));
  await ok(controller, 'create', 'ClusterInst', dedicated('d2'));
  const [inst] = await controller.show('ClusterInst', { key: dedicated('d1').key });
  assert.is(inst?.allocatedIp, '10.0.0.2');
  const full = await controller.call('createClusterInst', 'ClusterInst', dedicated('d3'));
  assert.is(full.error?.status, 'RESOURCE_EXHAUSTED');
  assert.match(full.error?.message ?? '', /No more static IPs left: 2 of 3 are in use/);
  const used = async () => (await controller.show('CloudletRefs', { key: at }))[0]?.usedStaticIps;
  assert.is(await used(), '10.0.0.2,10.0.0.3');
  for (const [ips, why] of [
    ['10.0.0.1-10.0.0.2', /address 10\.0\.0\.3 is in use by ClusterInst .*"d2".* must stay$/],
    ['10.0.0.2-10.0.0.9', /address 10\.0\.0\.2 is in use by ClusterInst .*"d1".* must stay behind the first/],
    ['10.0.0.x', /element "10\.0\.0\.x"/],
  ] as const) {
    assert.match((await controller.run('update', 'Cloudlet', site(ips, ['7']))).at(-1) ?? '', why);
  }
  await ok(controller, 'delete', 'ClusterInst', dedicated('d2'));
  await ok(controller, 'update', 'Cloudlet', site('10.0.0.1-10.0.0.2', ['7']));
  assert.is(await used(), '10.0.0.2');
});

refs('Apps on a dedicated cluster have ports of their own', async ({ controller }) => {
  await controller.agent();
  await ok(controller, 'create', 'ClusterInst', clusterInst('d1', { ipAccess: 1 }));
  await ok(controller, 'create', 'ClusterInst', clusterInst('d2', { ipAccess: 1 }));
  for (const [name, accessPorts] of [
    ['a', 'tcp:80,http:8080'],
    ['udp', 'udp:80,http:8081'],
    ['b', 'udp:5,tcp:80'],
    ['tls', 'tcp:443'],
    ['twice', 'tcp:443,http:80'],
    ['same', 'tcp:99,tcp:99'],
  ] as const) {
    await ok(controller, 'create', 'App', app(name, { accessPorts }));
  }
  await ok(controller, 'create', 'AppInst', appInst('a', 'd1'));
  await ok(controller, 'create', 'AppInst', appInst('udp', 'd1'));
  await ok(controller, 'create', 'AppInst', appInst('same', 'd1'));
  await ok(controller, 'create', 'AppInst', appInst('b', 'd2'));
  const refused = async (name: string, cluster = 'd1') =>
    (await controller.run('create', 'AppInst', appInst(name, cluster))).at(-1) ?? '';
  const user = (name: string, cluster = 'd1') =>
    OBJECTS.AppInst.keyJson({
      appKey: appKey(name),
      clusterInstKey: { ...clusterKey(cluster), cloudletKey: SITE },
    });
  const taken = 'is in use on its dedicated cluster by AppInst';
  assert.is(await refused('b'), `Port 80/tcp of App b ${taken} ${user('a')}`);
  assert.is(await refused('tls'), `Port 443/tcp of App tls ${taken} ${user('a')}`);
  assert.is(await refused('twice', 'd2'), `Port 443/tcp of App twice ${taken} ${user('twice', 'd2')}`);
  await ok(controller, 'delete', 'AppInst', appInst('a', 'd1'));
  await ok(controller, 'create', 'AppInst', appInst('b', 'd1'));
  const [counted] = await clusterRefs(controller);
  assert.equal(
    counted?.apps.map((key) => key.name),
    ['udp', 'same', 'b'],
  );
  assert.equal([counted?.usedRam, counted?.usedVcores], [3072n, 3n]);
});

refs('an App with instances does not cease to be a virtual machine', async ({ controller }) => {
  await controller.agent();
  await ok(controller, 'create', 'App', app('vm', { imageType: 2, imagePath: 'x.qcow2' }));
  await ok(controller, 'create', 'AppInst', appInst('vm', 'label', IGNORE));
  const change = app('vm', { fields: ['5', '15'], imageType: 1, deployment: 'docker' });
  assert.match(
    (await controller.run('update', 'App', change)).at(-1) ?? '',
    /deployment cannot change from vm to docker while AppInst .*"vm".* is there/,
  );
  await ok(controller, 'delete', 'AppInst', appInst('vm', 'label', IGNORE));
  await ok(controller, 'update', 'App', change);
});

refs('wrong refs of older data are put right at the start', async () => {
  const store = new MemoryStore();
  const first = await TestController.start({ store });
  await prepare(first);
  await first.agent();
  await ok(first, 'create', 'ClusterInst', clusterInst('c1', { ...IGNORE, ipAccess: 1 }));
  await ok(first, 'create', 'ClusterInst', clusterInst('c2', IGNORE));
  await ok(first, 'create', 'AppInst', appInst('web', 'c2', IGNORE));
  const [right] = await first.show('CloudletRefs');
  const [rightOfCluster] = await clusterRefs(first);
  await first.stop();
  assert.ok(right && rightOfCluster);

  const key = (type: string, json: string) => `1/${type}/${json}`;
  const wrong = {
    ...right,
    usedRam: 2n ** 64n - 5n,
    usedDynamicIps: -1,
    clusters: [],
    rootLbPorts: { 9: 3 },
  };
  const gone = OBJECTS.CloudletRefs.withKey({ ...SITE, name: 'gone' });
  const put = (refs: CloudletRefs) => {
    const { keyJsonOf, toStored } = OBJECTS.CloudletRefs;
    return { type: 'put' as const, key: key('CloudletRefs', keyJsonOf(refs)), value: toStored(refs) };
  };
  const remove = {
    type: 'delete' as const,
    key: key('ClusterRefs', OBJECTS.ClusterRefs.keyJsonOf(rightOfCluster)),
  };
  await store.txn({ compare: [], ops: [put(wrong), put(gone), remove] });
  const both = await Promise.all([TestController.start({ store }), TestController.start({ store })]);
  try {
    for (const controller of both) {
      assert.equal(await controller.show('CloudletRefs'), [right]);
      assert.equal(await clusterRefs(controller), [rightOfCluster]);
    }
    const { revision } = await store.list('1/');
    await (await TestController.start({ store })).stop();
    const after = (await store.list('1/CloudletRefs/')).entries;
    assert.ok(
      after.every((entry) => entry.revision <= revision),
      'what is right is not written',
    );
  } finally {
    for (const controller of both) await controller.stop();
    await store.close();
  }
});

refs.run();
