import { OBJECTS } from '@edgeplane/objects';
import type { ClusterInst } from '@edgeplane/proto/edgeproto/clusterinst.js';
import type { Tx } from '../db/tx.js';
import { releaseIp } from '../refs/ips.js';
import { type ClusterUse, removeCluster } from '../refs/resources.js';

/** What a stored ClusterInst counts for. */
export async function clusterUse(tx: Tx, inst: ClusterInst): Promise<ClusterUse> {
  const size = await tx.get(OBJECTS.Flavor, inst.flavor ?? { name: '' });
  return {
    clusterName: inst.key?.clusterKey?.name ?? '',
    nodes: inst.numMasters + inst.numNodes,
    size,
  };
}

/** Gives back what a stored ClusterInst holds of its cloudlet. */
export async function releaseClusterInst(tx: Tx, inst: ClusterInst): Promise<void> {
  const refs = await tx.get(
    OBJECTS.CloudletRefs,
    inst.key?.cloudletKey ?? { operatorKey: undefined, name: '' },
  );
  if (!refs) return;
  tx.put(OBJECTS.CloudletRefs, releaseIp(removeCluster(refs, await clusterUse(tx, inst)), inst.allocatedIp));
}

/**
 * Removes a ClusterInst together with what it holds: the one way in which a ClusterInst goes away, so that refs always
 * are the sum of what is stored, whoever removes it and whenever the controller dies.
 */
export async function dropClusterInst(tx: Tx, inst: ClusterInst): Promise<void> {
  await releaseClusterInst(tx, inst);
  const key = OBJECTS.ClusterInst.key(inst);
  if (await tx.entry(OBJECTS.ClusterRefs, key)) tx.delete(OBJECTS.ClusterRefs, key);
  tx.delete(OBJECTS.ClusterInst, key);
}
