import { OBJECTS } from '@edgeplane/objects';
import { IpAccess, IpSupport } from '@edgeplane/proto/edgeproto/common.js';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { grantIp, releaseIp } from './ips.js';
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

test('counters stop at zero', () => {
  const refs = removeCluster(REFS, { clusterName: 'c', nodes: 4, size });
  assert.equal([refs.usedRam, refs.usedVcores, refs.usedDisk, refs.clusters], [0n, 0n, 0n, []]);
});

const use = fc.record({
  clusterName: fc.constantFrom('a', 'b'),
  nodes: fc.nat(9),
  size: fc.record({ ram: fc.bigInt(1n, 2n ** 60n), vcpus: fc.bigInt(1n, 99n), disk: fc.bigInt(1n, 99n) }),
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

test('other kinds of addresses are refused', () => {
  const wanted = IpAccess.IP_ACCESS_DEDICATED;
  assert.throws(
    () => grantIp(REFS, cloudlet('op', IpSupport.IP_SUPPORT_STATIC), wanted),
    /Static IPs not supported yet/,
  );
  assert.throws(
    () => grantIp(REFS, cloudlet('op', IpSupport.IP_SUPPORT_UNKNOWN), wanted),
    /Invalid IpSupport type/,
  );
});

test.run();
