import { OBJECTS } from '@edgeplane/objects';
import type { AppInst } from '@edgeplane/proto/edgeproto/app_inst.js';
import { IpAccess } from '@edgeplane/proto/edgeproto/common.js';
import type { Tx } from '../db/tx.js';
import { sharedLabels } from '../deploy/fqdn.js';
import { isDefaultCloudlet, needsCluster } from '../names.js';
import { releasePorts } from '../refs/ports.js';

/** Gives back the public ports that a stored AppInst holds on its cloudlet's shared load balancer. */
export async function releaseAppInst(tx: Tx, inst: AppInst): Promise<void> {
  if (!inst.mappedPorts.some((p) => p.publicPort !== 0) || !(await isOnSharedBalancer(tx, inst))) return;
  const cloudlet = inst.key?.clusterInstKey?.cloudletKey ?? { operatorKey: undefined, name: '' };
  const refs = await tx.get(OBJECTS.CloudletRefs, cloudlet);
  if (!refs) return;
  tx.put(OBJECTS.CloudletRefs, { ...refs, rootLbPorts: releasePorts(refs.rootLbPorts, inst.mappedPorts) });
}

/** Removes an AppInst together with what it holds; the one way in which an AppInst goes away. */
export async function dropAppInst(tx: Tx, inst: AppInst): Promise<void> {
  await releaseAppInst(tx, inst);
  tx.delete(OBJECTS.AppInst, OBJECTS.AppInst.key(inst));
}

/** A dedicated cluster's ports are its own; giving them back here would free somebody else's. */
async function isOnSharedBalancer(tx: Tx, inst: AppInst): Promise<boolean> {
  const cluster = inst.key?.clusterInstKey;
  const app = inst.key?.appKey;
  if (!cluster || !app || isDefaultCloudlet(cluster.cloudletKey)) return false;
  const [clusterInst, stored] = await Promise.all([
    tx.get(OBJECTS.ClusterInst, cluster),
    tx.get(OBJECTS.App, app),
  ]);
  if (clusterInst && needsCluster(stored?.deployment ?? '')) {
    return clusterInst.ipAccess === IpAccess.IP_ACCESS_SHARED;
  }
  return inst.uri.startsWith(sharedLabels(cluster.cloudletKey));
}
