import { OBJECTS } from '@edgeplane/objects';
import { IpAccess } from '@edgeplane/proto/edgeproto/common.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dedicatedFqdn, sharedFqdn } from '../deploy/fqdn.js';
import { isOnSharedBalancer } from './footing.js';

const port = { proto: 1, internalPort: 80, publicPort: 80, pathPrefix: '', fqdnPrefix: '' } as const;

/** Whether an instance is on the shared balancer, by its address and what its cluster is now. */
function shared(uri: string, ipAccess: IpAccess, cluster = 'c', cloudlet = 'site', operator = 'op'): boolean {
  const clusterInstKey = {
    clusterKey: { name: cluster },
    cloudletKey: { operatorKey: { name: operator }, name: cloudlet },
    developer: 'dev',
  };
  const inst = {
    ...OBJECTS.AppInst.withKey({ appKey: undefined, clusterInstKey }),
    uri,
    mappedPorts: [port],
  };
  return isOnSharedBalancer(inst, 'cluster', { ...OBJECTS.ClusterInst.withKey(clusterInstKey), ipAccess });
}

test('the address counts, whatever the cluster has become', () => {
  const { IP_ACCESS_SHARED, IP_ACCESS_DEDICATED } = IpAccess;
  const cloudletKey = { operatorKey: { name: 'op' }, name: 'site' };
  const key = { clusterKey: { name: 'c' }, cloudletKey, developer: 'dev' };
  for (const access of [IP_ACCESS_SHARED, IP_ACCESS_DEDICATED]) {
    assert.ok(shared(sharedFqdn(cloudletKey, 'x'), access));
    assert.not.ok(shared(dedicatedFqdn(key, 'x'), access));
  }
  // Old data without an address, and three equal names.
  for (const [access, want] of [
    [IP_ACCESS_SHARED, true],
    [IP_ACCESS_DEDICATED, false],
  ] as const) {
    assert.is(shared('', access), want);
    assert.is(shared('a.a.a.x', access, 'a', 'a', 'a'), want);
  }
});

test.run();
