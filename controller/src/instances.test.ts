/** Instances: what is stored of a request, what they hold of their site, and who keeps whom from being deleted. */
import { CRMOverride } from '@edgeplane/proto/edgeproto/common.js';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BRIEF, TestController } from './testing.js';
import {
  app,
  appInst,
  appKey,
  cloudlet,
  clusterInst,
  clusterKey,
  flavor,
  prepare,
  SITE,
} from './testing-data.js';
import { checkRefs } from './testing-refs.js';

const instances = suite<{ controller: TestController }>('instances');

instances.before.each(async (context) => {
  context.controller = await TestController.start();
  await prepare(context.controller);
});

instances.after.each((context) => context.controller.stop());

const OK = /^OK$/;
const IGNORE = { crmOverride: CRMOverride.IGNORE_CRM };

async function ok(controller: TestController, ...args: Parameters<TestController['run']>): Promise<void> {
  assert.match(
    (await controller.run(...args)).at(-1) ?? '',
    OK,
    JSON.stringify(args[2], (_, v) => String(v)),
  );
}

instances('what only the system may set is not taken from a request', async ({ controller }) => {
  await controller.agent();
  const forged = { state: 11, errors: ['x'], fields: ['3'], liveness: 2 };
  await ok(
    controller,
    'create',
    'ClusterInst',
    clusterInst('c1', { ...forged, allocatedIp: '1.1.1.1', auto: true }),
  );
  const [cluster] = await controller.show('ClusterInst');
  assert.equal(
    [
      cluster?.state,
      cluster?.errors,
      cluster?.fields,
      cluster?.allocatedIp,
      cluster?.auto,
      cluster?.liveness,
    ],
    [5, [], [], '', false, 1],
  );
  await ok(controller, 'create', 'App', app('quiet', { accessPorts: '', fields: ['5'] }));
  const inst = appInst('quiet', 'c1', {
    ...forged,
    runtimeInfo: { containerIds: ['x'] },
    mappedPorts: [{ proto: 1, internalPort: 1, publicPort: 1, pathPrefix: '', fqdnPrefix: '' }],
    cloudletLoc: { latitude: 1 },
  });
  await ok(controller, 'create', 'AppInst', inst);
  const [stored] = await controller.show('AppInst');
  assert.equal(
    [stored?.errors, stored?.runtimeInfo?.containerIds, stored?.mappedPorts, stored?.cloudletLoc?.latitude],
    [[], [], [], 48],
  );
  assert.equal((await controller.show('App', { key: appKey('quiet') }))[0]?.fields, []);
});

instances('dedicated clusters: one address is kept back; each is given back', async ({ controller }) => {
  await controller.agent();
  const dedicated = (name: string) => clusterInst(name, { ipAccess: 1 });
  await ok(controller, 'create', 'ClusterInst', dedicated('d1'));
  await ok(controller, 'create', 'ClusterInst', dedicated('d2'));
  assert.equal(await controller.run('create', 'ClusterInst', dedicated('d3')), ['No more dynamic IPs left']);
  await ok(controller, 'delete', 'ClusterInst', dedicated('d1'));
  await ok(controller, 'create', 'ClusterInst', dedicated('d3'));
  await ok(controller, 'create', 'ClusterInst', clusterInst('s', { ipAccess: 2 }));
  assert.is((await controller.show('ClusterInst', { key: clusterKey('s') }))[0]?.ipAccess, 3);
});

instances('a dedicated instance gives back no port of the shared load balancer', async ({ controller }) => {
  await controller.agent();
  await ok(controller, 'create', 'ClusterInst', clusterInst('c1'));
  await ok(controller, 'create', 'ClusterInst', clusterInst('d1', { ipAccess: 1 }));
  await ok(controller, 'create', 'App', app('two'));
  await ok(controller, 'create', 'AppInst', appInst('web', 'c1'));
  await ok(controller, 'create', 'AppInst', appInst('two', 'd1'));
  const uri = (await controller.show('AppInst', { key: { appKey: appKey('two') } }))[0]?.uri;
  assert.is(uri, 'd1.site.op.edge.internal');
  await ok(controller, 'delete', 'AppInst', appInst('two', 'd1'));
  assert.equal((await controller.show('CloudletRefs'))[0]?.rootLbPorts, { 80: 1 });
});

instances('virtual machines have public ports where the site publishes them', async ({ controller }) => {
  await ok(controller, 'create', 'Cloudlet', cloudlet('plain'));
  await controller.agent('op', 'site', { vmPorts: true });
  await controller.agent('op', 'plain');
  await ok(controller, 'create', 'App', app('vm', { imageType: 2, imagePath: 'x.qcow2' }));
  const on = (site: object) => ({ key: { appKey: appKey('vm'), clusterInstKey: clusterKey('label', site) } });
  const plain = { ...SITE, name: 'plain' };
  await ok(controller, 'create', 'AppInst', on(SITE));
  await ok(controller, 'create', 'AppInst', on(plain));
  const seen = (await controller.show('AppInst')).map((inst) => [inst.uri, inst.mappedPorts[0]?.publicPort]);
  assert.equal(seen, [
    ['', 0],
    ['site.op.edge.internal', 80],
  ]);
  await ok(controller, 'delete', 'AppInst', on(SITE));
  await ok(controller, 'delete', 'AppInst', on(plain));
  assert.equal(
    (await controller.show('CloudletRefs')).map((r) => [r.rootLbPorts, r.standaloneRam]),
    [
      [{}, 0n],
      [{}, 0n],
    ],
  );
});

instances('per-service operators: nothing is counted', async ({ controller }) => {
  await ok(controller, 'create', 'Cloudlet', cloudlet('az', 'azure'));
  await controller.agent('azure', 'az');
  const site = { operatorKey: { name: 'azure' }, name: 'az' };
  await ok(controller, 'create', 'ClusterInst', { ...clusterInst(), key: clusterKey('c1', site) });
  const inst = { key: { appKey: appKey(), clusterInstKey: clusterKey('c1', site) } };
  await ok(controller, 'create', 'AppInst', inst);
  assert.is((await controller.show('AppInst'))[0]?.uri, 'devweb10.c1.az.azure.edge.internal');
  await ok(controller, 'delete', 'AppInst', inst);
  await ok(controller, 'delete', 'ClusterInst', { key: clusterKey('c1', site) });
  assert.is((await controller.show('CloudletRefs'))[0]?.usedDynamicIps, 0);
});

instances('a cloudlet that moves takes its instances along', async ({ controller }) => {
  await controller.agent();
  await ok(controller, 'create', 'ClusterInst', clusterInst());
  await ok(controller, 'create', 'AppInst', appInst());
  await ok(
    controller,
    'update',
    'Cloudlet',
    cloudlet('site', 'op', { fields: ['5.1'], location: { latitude: 35 } }),
  );
  const [inst] = await controller.show('AppInst');
  assert.equal([inst?.cloudletLoc?.latitude, inst?.cloudletLoc?.longitude], [35, 11]);
  const bad = cloudlet('site', 'op', { fields: ['5.1'], location: { latitude: 99 } });
  assert.equal(await controller.run('update', 'Cloudlet', bad), ['Invalid latitude value']);
  assert.is((await controller.show('AppInst'))[0]?.cloudletLoc?.latitude, 35);
});

instances('what is in use is not deleted; without dependants all goes', async ({ controller }) => {
  await controller.agent();
  await ok(controller, 'create', 'Operator', { key: { name: 'op' } });
  await ok(controller, 'create', 'Developer', { key: { name: 'dev' } });
  await ok(controller, 'create', 'ClusterInst', clusterInst());
  await ok(controller, 'create', 'AppInst', appInst());
  const refused = async (type: 'Operator' | 'Developer' | 'Flavor' | 'Cloudlet' | 'App', object: object) =>
    (await controller.run('delete', type, object)).at(-1);
  assert.is(await refused('App', app()), 'Application in use by static Application Instance');
  assert.is(await refused('Cloudlet', cloudlet()), 'Cloudlet in use by static Application Instance');
  await ok(controller, 'delete', 'AppInst', appInst());
  assert.is(await refused('Cloudlet', cloudlet()), 'Cloudlet in use by static Cluster Instance');
  await ok(controller, 'delete', 'ClusterInst', clusterInst());
  assert.is(await refused('Flavor', { key: { name: 'small' } }), 'Flavor in use by App');
  assert.is(await refused('Operator', { key: { name: 'op' } }), 'Operator in use by Cloudlet');
  assert.is(await refused('Developer', { key: { name: 'dev' } }), 'Developer in use by Application');
  await ok(controller, 'delete', 'App', app());
  await ok(controller, 'delete', 'Cloudlet', cloudlet());
  await ok(controller, 'delete', 'Flavor', { key: { name: 'small' } });
  await ok(controller, 'delete', 'Operator', { key: { name: 'op' } });
  await ok(controller, 'delete', 'Developer', { key: { name: 'dev' } });
  assert.equal(await controller.show('CloudletRefs'), []);
  assert.equal((await controller.store.list('edgeplane/1/guard/')).entries, [], 'no guard is left');
});

instances('auto-delete apps go with their developer and with their flavor', async ({ controller }) => {
  await ok(controller, 'create', 'Developer', { key: { name: 'dev' } });
  await ok(controller, 'create', 'Flavor', flavor('other'));
  await ok(controller, 'create', 'App', app('a1', { delOpt: 1, defaultFlavor: { name: 'other' } }));
  await ok(controller, 'delete', 'Flavor', { key: { name: 'other' } });
  assert.equal(await controller.show('App', { key: appKey('a1') }), []);
  await ok(controller, 'update', 'App', app('web', { fields: ['20'], delOpt: 1 }));
  await ok(controller, 'delete', 'Developer', { key: { name: 'dev' } });
  assert.equal(await controller.show('App'), []);
});

instances(
  'creates race with the delete of what they need: never an instance without its App',
  async ({ controller }) => {
    await controller.agent();
    await ok(controller, 'create', 'ClusterInst', clusterInst('c1', IGNORE));
    for (let i = 0; i < 20; i++) {
      await controller.run('create', 'App', app('race'));
      const [made, gone] = await Promise.all([
        controller.run('create', 'AppInst', appInst('race', 'c1', IGNORE)),
        controller.run('delete', 'App', app('race')),
      ]);
      const apps = await controller.show('App', { key: appKey('race') });
      const insts = await controller.show('AppInst');
      assert.is(insts.length > 0 && apps.length === 0, false, `${made.join()} | ${gone.join()}`);
      if (insts.length > 0) await ok(controller, 'delete', 'AppInst', appInst('race', 'c1', IGNORE));
    }
  },
);

instances(
  'a forced delete during a create is told to the creator, and the object does not come back',
  async ({ controller }) => {
    const agent = await controller.agent();
    agent.clusterInst.create = 'stuck';
    const creating = controller.run('create', 'ClusterInst', clusterInst());
    await controller.until(async () => (await controller.show('ClusterInst'))[0]?.state === 3, 'creating');
    const force = clusterInst('c1', { crmOverride: CRMOverride.IGNORE_CRM_AND_TRANSIENT_STATE });
    await ok(controller, 'delete', 'ClusterInst', force);
    const outcome = await creating;
    assert.equal(outcome.slice(0, 2), ['Creating', 'DeletePrepare']);
    assert.is(outcome.at(-1), 'Another operation took over; expected state Ready but is DeletePrepare');
    assert.equal(await controller.show('ClusterInst'), []);
  },
);

instances('refs are the sum of what is there, after any calls', async ({ controller }) => {
  await controller.agent();
  await ok(controller, 'create', 'App', app('more', { accessPorts: 'tcp:80,udp:80,tcp:22,http:443' }));
  const overrides = { crmOverride: CRMOverride.IGNORE_CRM_AND_TRANSIENT_STATE };
  const op = fc.record({
    verb: fc.constantFrom('create' as const, 'delete' as const, 'update' as const),
    what: fc.constantFrom('ClusterInst' as const, 'AppInst' as const),
    app: fc.constantFrom('web', 'more'),
    cluster: fc.constantFrom('c1', 'c2', 'autocluster1'),
    numNodes: fc.integer({ min: 1, max: 3 }),
    ipAccess: fc.constantFrom(0, 1, 3),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(op, { minLength: 1, maxLength: 12 }), async (ops) => {
      for (const o of ops) {
        const object =
          o.what === 'ClusterInst'
            ? clusterInst(o.cluster, {
                ...overrides,
                numNodes: o.numNodes,
                ipAccess: o.ipAccess,
                fields: ['14'],
              })
            : appInst(o.app, o.cluster, { ...overrides, autoClusterIpAccess: o.ipAccess });
        await controller.run(o.verb, o.what, object);
        await checkRefs(controller);
      }
    }),
    { numRuns: 25, endOnFailure: true },
  );
});

instances('an operation goes on after its caller is gone', async ({ controller }) => {
  const agent = await controller.agent();
  agent.clusterInst.create = 'stuck';
  const call = new AbortController();
  const gone = controller.call('createClusterInst', 'ClusterInst', clusterInst(), call.signal);
  await controller.until(async () => (await controller.show('ClusterInst'))[0]?.state === 3, 'creating');
  call.abort();
  assert.is((await gone).error?.status, 'CANCELLED');
  agent.clusterInfos.put({
    fields: [],
    key: { ...clusterKey(), cloudletKey: SITE },
    notifyId: 0n,
    state: 4,
    errors: ['no room'],
  });
  await controller.until(async () => (await controller.show('ClusterInst')).length === 0, 'undone');
  assert.is((await controller.show('CloudletRefs'))[0]?.usedRam, 0n);
});

instances('an agent that never answers does not keep a controller from stopping', async ({ controller }) => {
  const agent = await controller.agent();
  agent.clusterInst.create = 'silent';
  const creating = controller.run('create', 'ClusterInst', clusterInst());
  await controller.until(async () => (await controller.show('ClusterInst')).length === 1, 'requested');
  await controller.controller.stop();
  assert.match((await creating).at(-1) ?? '', /the controller is stopping/);
  assert.is((await controller.store.list('1/ClusterInst/')).entries.length, 1, 'the intent stays');
});

instances(
  'several controllers on one store: what one makes the other shows and waits for',
  async ({ controller }) => {
    const other = await TestController.start({ store: controller.store, timeouts: BRIEF });
    try {
      const agent = await other.agent();
      await controller.until(async () => (await controller.show('CloudletInfo')).length === 1, 'known');
      assert.equal((await controller.run('create', 'ClusterInst', clusterInst())).at(-1), 'OK');
      assert.ok(agent.heard.includes('ClusterInst 2'));
      assert.is((await controller.show('Controller')).length, 2);
      const nodes = await controller.show('Node');
      assert.equal(
        nodes.map((n) => n.key?.name),
        ['agent-host'],
      );
      assert.equal(await controller.show('Node', {}, 'showNodeLocal'), []);
    } finally {
      await other.stop();
    }
  },
);

instances.run();
