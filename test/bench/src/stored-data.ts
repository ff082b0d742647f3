import { OBJECTS, type ObjectName, type ObjectOf } from '@edgeplane/objects';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { openStore } from '@edgeplane/store';

const BATCH = 60;
const CLOUDLETS = 100;
/** AppInsts of one App. */
export const INSTANCES_PER_APP = 20;

const cloudletKey = (i: number) => ({ operatorKey: { name: 'op' }, name: `site-${i % CLOUDLETS}` });
const clusterInstKey = (i: number) => ({
  clusterKey: { name: `cluster-${i}` },
  cloudletKey: cloudletKey(i),
  developer: `dev-${i % 50}`,
});

export function storedAppKey(i: number) {
  const app = Math.floor(i / INSTANCES_PER_APP);
  return { developerKey: { name: `dev-${app % 50}` }, name: `app-${app}`, version: '1.0' };
}

export function storedAppInst(i: number): ObjectOf<'AppInst'> {
  const type = OBJECTS.AppInst;
  const uri = `cluster-${i}.site-${i % CLOUDLETS}.op.example.net`;
  const location = type.empty().cloudletLoc;
  return {
    ...type.withKey({ appKey: storedAppKey(i), clusterInstKey: clusterInstKey(i) }),
    ...(location && { cloudletLoc: { ...location, latitude: 48.1 + (i % 7), longitude: 11.5 + (i % 9) } }),
    uri,
    liveness: 1,
    flavor: { name: 'small' },
    mappedPorts: [
      { proto: 1, internalPort: 8080, publicPort: 10_000 + (i % 5000), pathPrefix: '', fqdnPrefix: '' },
    ],
    state: TrackedState.READY,
    createdAt: { seconds: 1_700_000_000n, nanos: i },
  } as ObjectOf<'AppInst'>;
}

function storedClusterInst(i: number): ObjectOf<'ClusterInst'> {
  return {
    ...OBJECTS.ClusterInst.withKey(clusterInstKey(i)),
    flavor: { name: 'small' },
    liveness: 1,
    state: TrackedState.READY,
    nodeFlavor: 'm1.small',
    deployment: 'kubernetes',
    numMasters: 1,
    numNodes: 2,
  };
}

function storedApp(i: number): ObjectOf<'App'> {
  return {
    ...OBJECTS.App.withKey({ developerKey: { name: `dev-${i % 50}` }, name: `app-${i}`, version: '1.0' }),
    imagePath: `registry.example.net/dev-${i % 50}/images/app-${i}:1.0`,
    imageType: 1,
    accessPorts: 'tcp:8080,udp:9000-9010',
    defaultFlavor: { name: 'small' },
    deployment: 'docker',
  };
}

type Row = readonly [key: string, value: string];

function row<N extends ObjectName>(name: N, object: ObjectOf<N>): Row {
  const type = OBJECTS[name] as unknown as {
    keyJsonOf(o: ObjectOf<N>): string;
    toStored(o: ObjectOf<N>): string;
  };
  return [`1/${name}/${type.keyJsonOf(object)}`, type.toStored(object)];
}

/** Half of them AppInsts, a quarter each ClusterInsts and Apps. */
export function mixedRows(count: number): Row[] {
  return Array.from({ length: count }, (_, i) => {
    if (i % 2 === 0) return row('AppInst', storedAppInst(i / 2));
    return i % 4 === 1 ? row('ClusterInst', storedClusterInst(i >> 2)) : row('App', storedApp(i >> 2));
  });
}

export function appInstRows(count: number): Row[] {
  return Array.from({ length: count }, (_, i) => row('AppInst', storedAppInst(i)));
}

/** Writes rows into an etcd, as a controller would find them. */
export async function fill(url: string, rows: readonly Row[]): Promise<void> {
  const store = await openStore(`etcd:${url}`);
  try {
    for (let at = 0; at < rows.length; at += BATCH) {
      const ops = rows.slice(at, at + BATCH).map(([key, value]) => ({ type: 'put' as const, key, value }));
      await store.txn({ ops });
    }
  } finally {
    await store.close();
  }
}
