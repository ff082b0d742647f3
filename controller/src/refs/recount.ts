import { OBJECTS } from '@edgeplane/objects';
import type { App } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { ClusterInst, ClusterInstKey } from '@edgeplane/proto/edgeproto/clusterinst.js';
import type { CloudletRefs, ClusterRefs } from '@edgeplane/proto/edgeproto/refs.js';
import { addApp } from './cluster-apps.js';
import { footingOf, isOnSharedBalancer } from './footing.js';
import { countIp } from './ips.js';
import { takePorts } from './ports.js';
import { addCluster, addMachines, type NodeSize } from './resources.js';

/** How the objects around an instance are found. */
export interface Lookup {
  flavor(name: string): NodeSize | undefined;
  app(inst: AppInst): App | undefined;
  cluster(inst: AppInst): ClusterInst | undefined;
}

/** The refs of a cloudlet as the sum over the instances on it. */
export function recountCloudlet(
  key: CloudletKey,
  clusters: readonly ClusterInst[],
  appInsts: readonly AppInst[],
  lookup: Lookup,
): CloudletRefs {
  let refs: CloudletRefs = OBJECTS.CloudletRefs.withKey(key);
  for (const inst of clusters) {
    const use = {
      clusterName: inst.key?.clusterKey?.name ?? '',
      nodes: inst.numMasters + inst.numNodes,
      size: lookup.flavor(inst.flavor?.name ?? ''),
    };
    refs = countIp(addCluster(refs, use), inst.allocatedIp);
  }
  for (const inst of appInsts) {
    const cluster = lookup.cluster(inst);
    const footing = footingOf(inst, lookup.app(inst), cluster);
    if (footing === 'machine') refs = addMachines(refs, lookup.flavor(inst.flavor?.name ?? ''), 1);
    if (isOnSharedBalancer(inst, footing, cluster)) {
      refs = { ...refs, rootLbPorts: takePorts(refs.rootLbPorts, inst.mappedPorts) };
    }
  }
  return refs;
}

/** The refs of a cluster as the sum over the AppInsts on it. */
export function recountCluster(
  key: ClusterInstKey,
  appInsts: readonly AppInst[],
  lookup: Lookup,
): ClusterRefs {
  return appInsts
    .filter((inst) => footingOf(inst, lookup.app(inst), lookup.cluster(inst)) === 'cluster')
    .reduce<ClusterRefs>((refs, inst) => {
      const app = inst.key?.appKey;
      return app ? addApp(refs, app, lookup.flavor(inst.flavor?.name ?? '')) : refs;
    }, OBJECTS.ClusterRefs.withKey(key));
}

/** The same refs with their lists in order of keys, to compare. */
export function orderedCloudletRefs(refs: CloudletRefs): CloudletRefs {
  return { ...refs, clusters: byKey(refs.clusters, OBJECTS.Cluster.keyJson) };
}

export function orderedClusterRefs(refs: ClusterRefs): ClusterRefs {
  return { ...refs, apps: byKey(refs.apps, OBJECTS.App.keyJson) };
}

function byKey<K>(keys: readonly K[], keyJson: (key: K) => string): K[] {
  return keys
    .map((key) => ({ key, text: keyJson(key) }))
    .sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0))
    .map(({ key }) => key);
}
