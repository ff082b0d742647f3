// test: timeout=120s
/** Refs are the sum over the instances, at every revision: calls race on two controllers, agents fail and fall silent. */
import { OBJECTS } from '@edgeplane/objects';
import { CRMOverride } from '@edgeplane/proto/edgeproto/common.js';
import { MemoryStore } from '@edgeplane/store';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TestController } from './testing.js';
import type { Behaviour } from './testing-agent.js';
import { app, appInst, cloudlet, clusterInst, flavor } from './testing-data.js';

const TIMEOUTS = { create: 60, update: 60, delete: 60 };
const SIZES = { small: 1024n, big: 4096n } as const;
const LIMIT = 24_000n;

const behaviour = fc.oneof(
  { weight: 9, arbitrary: fc.constant<Behaviour>('ok') },
  fc.constantFrom<Behaviour>('stuck', 'silent', { fail: ['no'] }),
);
const call = fc.record({
  verb: fc.constantFrom(...(['create', 'create', 'create', 'update', 'update', 'delete'] as const)),
  what: fc.constantFrom('ClusterInst' as const, 'AppInst' as const, 'AppInst' as const),
  app: fc.constantFrom('web', 'more', 'vm'),
  cluster: fc.constantFrom('c1', 'd1', 'autocluster1', 'autoclusterI'),
  flavor: fc.constantFrom('small', 'big'),
  numNodes: fc.integer({ min: 1, max: 3 }),
  ipAccess: fc.constantFrom(0, 1, 3),
  crmOverride: fc.constantFrom(
    CRMOverride.NO_OVERRIDE,
    CRMOverride.NO_OVERRIDE,
    CRMOverride.IGNORE_CRM,
    CRMOverride.IGNORE_CRM_ERRORS,
    CRMOverride.IGNORE_CRM_AND_TRANSIENT_STATE,
  ),
});
const round = fc.record({
  calls: fc.array(call, { minLength: 1, maxLength: 4 }),
  create: behaviour,
  update: behaviour,
  delete: behaviour,
  /** One of the controllers ends while the calls are under way, and is started again. */
  restart: fc.boolean(),
});

test('whatever races, fails or ends', async () => {
  await fc.assert(fc.asyncProperty(fc.array(round, { minLength: 3, maxLength: 10 }), run), {
    numRuns: 12,
    endOnFailure: true,
  });
});

async function run(
  rounds: readonly (typeof round extends fc.Arbitrary<infer R> ? R : never)[],
): Promise<void> {
  const store = new MemoryStore();
  const start = () => TestController.start({ store, timeouts: TIMEOUTS });
  const first = await start();
  let second = await start();
  try {
    for (const [type, object] of [
      ['Flavor', flavor('small', SIZES.small, 1n, 10n)],
      ['Flavor', flavor('big', SIZES.big, 1n, 10n)],
      ['Cloudlet', cloudlet('site', 'op', { ipSupport: 1, staticIps: '10.0.0.0/29' })],
      ['App', app('web')],
      ['App', app('more', { accessPorts: 'tcp:80,udp:80,tcp:22,http:443' })],
      ['App', app('vm', { imageType: 2, imagePath: 'x.qcow2' })],
      ['App', app('docker', { deployment: 'docker' })],
    ] as const) {
      assert.equal(await first.run('create', type, object), ['OK']);
    }
    const limits = { osMaxRam: LIMIT, limitsBinding: true };
    const agent = await first.agent('op', 'site', { limits, vmPorts: true });
    for (const r of rounds) {
      for (const script of [agent.clusterInst, agent.appInst]) {
        Object.assign(script, { create: r.create, update: r.update, delete: r.delete });
      }
      const calls = r.calls.map((c, i) => (i % 2 ? second : first).run(c.verb, c.what, request(c)));
      await check(store);
      if (r.restart) {
        await second.stop();
        second = await start();
      }
      await Promise.all(calls);
      await check(store);
    }
  } finally {
    await first.stop();
    await second.stop();
    await store.close();
  }
}

function request(c: typeof call extends fc.Arbitrary<infer C> ? C : never): object {
  const { crmOverride, ipAccess } = c;
  const sized = { flavor: { name: c.flavor }, crmOverride };
  if (c.what === 'AppInst') {
    const name = c.cluster === 'd1' ? 'docker' : c.app;
    return appInst(name, c.cluster, { ...sized, fields: ['12.1'], autoClusterIpAccess: ipAccess });
  }
  const nodes =
    c.cluster === 'd1' ? { deployment: 'docker', numNodes: 0 } : { numNodes: c.numNodes, ipAccess };
  return clusterInst(c.cluster, { ...sized, ...nodes, fields: ['14'] });
}

/** One listing is one revision, so this may be asked at any time. */
async function check(store: MemoryStore): Promise<void> {
  const { entries } = await store.list('1/');
  const all = <T>(type: { readonly name: string; fromStored(text: string): T }): T[] =>
    entries.filter((e) => e.key.startsWith(`1/${type.name}/`)).map((e) => type.fromStored(e.value));
  const clusters = all(OBJECTS.ClusterInst);
  const insts = all(OBJECTS.AppInst);
  const [refs] = all(OBJECTS.CloudletRefs);
  if (!refs) {
    assert.is(clusters.length + insts.length, 0);
    return;
  }
  const ram = (name: string | undefined) => SIZES[name as keyof typeof SIZES];
  const isVm = (inst: (typeof insts)[number]) => inst.key?.appKey?.name === 'vm';
  let [nodes, machines] = [0n, 0n];
  for (const c of clusters) {
    const count = BigInt(c.numMasters + c.numNodes);
    if (count === 0n) machines += ram(c.flavor?.name);
    else nodes += ram(c.flavor?.name) * count;
  }
  for (const inst of insts.filter(isVm)) machines += ram(inst.flavor?.name);
  assert.equal([refs.usedRam, refs.standaloneRam], [nodes, machines]);
  const names = (keys: readonly ({ name: string } | undefined)[]) => keys.map((k) => k?.name).sort();
  assert.equal(names(refs.clusters), names(clusters.map((c) => c.key?.clusterKey)));

  const addresses = clusters.map((c) => c.allocatedIp).filter((ip) => ip !== '');
  assert.is(refs.usedStaticIps, addresses.sort().join(','));
  assert.is(new Set(addresses).size, addresses.length, 'an address has one owner');

  const ports: Record<number, number> = {};
  for (const inst of insts.filter((i) => i.uri === 'site.op.edge.internal')) {
    for (const { proto, publicPort } of inst.mappedPorts.filter((p) => p.proto !== 3)) {
      const bit = proto === 2 ? 2 : 1;
      assert.is((ports[publicPort] ?? 0) & bit, 0, 'a port has one owner');
      ports[publicPort] = (ports[publicPort] ?? 0) | bit;
    }
  }
  assert.equal(refs.rootLbPorts, ports);

  const counted = new Map(all(OBJECTS.ClusterRefs).map((r) => [r.key?.clusterKey?.name, r]));
  for (const name of counted.keys()) {
    assert.ok(
      clusters.some((c) => c.key?.clusterKey?.name === name),
      'the cluster is there',
    );
  }
  for (const c of clusters) {
    const name = c.key?.clusterKey?.name;
    const on = insts.filter((i) => !isVm(i) && i.key?.clusterInstKey?.clusterKey?.name === name);
    const found = counted.get(name);
    assert.equal(names(found?.apps ?? []), names(on.map((i) => i.key?.appKey)));
    assert.is(
      found?.usedRam ?? 0n,
      on.reduce((sum, i) => sum + ram(i.flavor?.name), 0n),
    );
  }
}

test.run();
