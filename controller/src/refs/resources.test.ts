import { OBJECTS } from '@edgeplane/objects';
import { IpAccess, IpSupport } from '@edgeplane/proto/edgeproto/common.js';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkCapacity } from './capacity.js';
import { countIp, grantIp, releaseIp } from './ips.js';
import { addCluster, addNodes, removeCluster } from './resources.js';

const key = { operatorKey: { name: 'op' }, name: 'site' };
const cloudlet = (operator = 'op', ipSupport: IpSupport = IpSupport.IP_SUPPORT_DYNAMIC) => ({
  ...OBJECTS.Cloudlet.withKey({ operatorKey: { name: operator }, name: 'site' }),
  ipSupport,
  numDynamicIps: 3,
});
const REFS = OBJECTS.CloudletRefs.withKey(key);
const size = { ram: 1024n, vcpus: 1n, disk: 10n };

test('used is flavor times nodes', () => {
  const refs = addCluster(REFS, { clusterName: 'c', nodes: 4, size });
  assert.equal([refs.usedRam, refs.usedVcores, refs.usedDisk], [4096n, 4n, 40n]);
  assert.equal(refs.clusters, [{ name: 'c' }]);
  assert.is(addNodes(refs, size, -2).usedRam, 2048n);
  assert.is(addNodes(refs, undefined, 5).usedRam, 4096n);
});

test('a sum that no counter holds stops at the biggest one', () => {
  const huge = { ...size, disk: 2n ** 64n - 1n };
  const refs = addCluster(REFS, { clusterName: 'c', nodes: 2, size: huge });
  assert.is(refs.usedDisk, 2n ** 64n - 1n);
  const { fromStored, toStored } = OBJECTS.CloudletRefs;
  assert.equal(fromStored(toStored(refs)), refs);
});

test('counters stop at zero', () => {
  const refs = removeCluster(REFS, { clusterName: 'c', nodes: 4, size });
  assert.equal([refs.usedRam, refs.usedVcores, refs.usedDisk, refs.clusters], [0n, 0n, 0n, []]);
});

const use = fc.record({
  clusterName: fc.constantFrom('a', 'b'),
  nodes: fc.nat(9),
  size: fc.record({ ram: fc.bigInt(1n, 2n ** 50n), vcpus: fc.bigInt(1n, 99n), disk: fc.bigInt(1n, 99n) }),
});

test('adding and removing in any order ends where it began', () => {
  fc.assert(
    fc.property(fc.array(use), fc.array(use), (stay, go) => {
      const staying = stay.reduce(addCluster, REFS);
      const end = go.reduce(removeCluster, [...go].reverse().reduce(addCluster, staying));
      assert.is(end.usedRam, staying.usedRam);
      assert.is(end.usedDisk, staying.usedDisk);
      const names = (r: typeof end) => r.clusters.map((c) => c.name).sort();
      assert.equal(names(end), names(staying));
    }),
  );
});

test('dedicated clusters take one dynamic address each, and one is kept back', () => {
  const first = grantIp(REFS, cloudlet(), IpAccess.IP_ACCESS_DEDICATED);
  const second = grantIp(first.refs, cloudlet(), IpAccess.IP_ACCESS_DEDICATED);
  assert.equal([second.refs.usedDynamicIps, second.allocatedIp], [2, 'dynamic']);
  assert.throws(
    () => grantIp(second.refs, cloudlet(), IpAccess.IP_ACCESS_DEDICATED),
    /No more dynamic IPs left/,
  );
  assert.is(releaseIp(second.refs, second.allocatedIp).usedDynamicIps, 1);
});

test('shared clusters take none; dedicated-or-shared means shared', () => {
  for (const wanted of [IpAccess.IP_ACCESS_SHARED, IpAccess.IP_ACCESS_DEDICATED_OR_SHARED]) {
    const grant = grantIp(REFS, cloudlet(), wanted);
    assert.equal([grant.ipAccess, grant.allocatedIp, grant.refs], [IpAccess.IP_ACCESS_SHARED, '', REFS]);
    assert.is(releaseIp(grant.refs, grant.allocatedIp), REFS);
  }
});

test('where every service has an address nothing is counted, nor given back', () => {
  const grant = grantIp(REFS, cloudlet('azure'), IpAccess.IP_ACCESS_SHARED);
  assert.equal([grant.ipAccess, grant.refs.usedDynamicIps], [IpAccess.IP_ACCESS_DEDICATED, 0]);
  assert.is(releaseIp(grant.refs, grant.allocatedIp).usedDynamicIps, 0);
});

test('static addresses: the first is kept back, each other is given to one cluster', () => {
  const site = {
    ...cloudlet('op', IpSupport.IP_SUPPORT_STATIC),
    staticIps: '10.0.0.10, 10.0.0.2-10.0.0.3',
  };
  const wanted = IpAccess.IP_ACCESS_DEDICATED;
  const first = grantIp(REFS, site, wanted);
  const second = grantIp(first.refs, site, wanted);
  assert.equal([first.allocatedIp, second.allocatedIp], ['10.0.0.2', '10.0.0.3']);
  assert.is(second.refs.usedStaticIps, '10.0.0.2,10.0.0.3');
  assert.throws(() => grantIp(second.refs, site, wanted), /No more static IPs left: 2 of 3 are in use/);
  const freed = releaseIp(releaseIp(second.refs, first.allocatedIp), first.allocatedIp);
  assert.is(freed.usedStaticIps, '10.0.0.3');
  assert.is(grantIp(freed, site, wanted).allocatedIp, '10.0.0.2');
  assert.equal(countIp(freed, '10.0.0.2'), second.refs);
});

test('unknown kinds of addresses are refused', () => {
  const wanted = IpAccess.IP_ACCESS_DEDICATED;
  assert.throws(
    () => grantIp(REFS, cloudlet('op', IpSupport.IP_SUPPORT_UNKNOWN), wanted),
    /Invalid IpSupport type/,
  );
});

test('a cluster without nodes is one machine, counted apart', () => {
  const refs = addCluster(REFS, { clusterName: 'docker', nodes: 0, size });
  assert.equal([refs.usedRam, refs.standaloneRam, refs.standaloneVcores], [0n, 1024n, 1n]);
  assert.is(removeCluster(refs, { clusterName: 'docker', nodes: 0, size }).standaloneDisk, 0n);
});

test('capacity: each constraint that does not hold is named with its numbers', () => {
  const info = { ...OBJECTS.CloudletInfo.withKey(key), osMaxRam: 4096n, osMaxVcores: 0n, osMaxVolGb: 25n };
  const binding = { ...info, limitsBinding: true };
  const one = addNodes(REFS, size, 2);
  const two = addNodes(one, size, 3);
  checkCapacity(REFS, one, binding, 'binding');
  const text =
    'Not enough resources on cloudlet op/site: RAM: 3072 MB wanted, 2048 MB of 4096 MB in use; disk: 30 GB wanted, 20 GB of 25 GB in use';
  assert.throws(
    () => checkCapacity(one, two, binding, 'binding'),
    (e: Error) => e.message === text,
  );
  assert.throws(
    () => checkCapacity(one, two, info, 'always'),
    (e: Error) => e.message === text,
  );
  checkCapacity(one, two, info, 'binding');
  checkCapacity(one, two, binding, 'never');
  checkCapacity(two, addNodes(two, size, -1), binding, 'always');
});

test.run();
