import { OBJECTS, type ObjectOf } from '@edgeplane/objects';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { cloudletKey } from './frames.js';

const { AppInst, Flavor } = OBJECTS;
/** AppInsts of one App. */
const PER_APP = 20;

export const appKey = (i: number) => ({
  developerKey: { name: `dev-${Math.floor(i / PER_APP) % 50}` },
  name: `app-${Math.floor(i / PER_APP)}`,
  version: '1.0',
});

export function instance(i: number, site: number, port = 10_000): ObjectOf<'AppInst'> {
  const clusterInstKey = {
    clusterKey: { name: `cluster-${i}` },
    cloudletKey: cloudletKey(`site-${site}`),
    developer: `dev-${Math.floor(i / PER_APP) % 50}`,
  };
  const mapped = { proto: 1 as const, internalPort: 8080, publicPort: port, pathPrefix: '', fqdnPrefix: '' };
  return {
    ...AppInst.withKey({ appKey: appKey(i), clusterInstKey }),
    uri: `cluster-${i}.site-${site}.op.example.net`,
    liveness: 1,
    flavor: { name: 'small' },
    mappedPorts: [mapped],
    state: TrackedState.READY,
  };
}

export function flavor(name: string, ram: number): ObjectOf<'Flavor'> {
  return { ...Flavor.withKey({ name }), ram: BigInt(ram), vcpus: 1n, disk: 1n };
}
