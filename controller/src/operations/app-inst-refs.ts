import { OBJECTS } from '@edgeplane/objects';
import type { App } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { ClusterInst } from '@edgeplane/proto/edgeproto/clusterinst.js';
import type { CloudletRefs } from '@edgeplane/proto/edgeproto/refs.js';
import type { Tx } from '../db/tx.js';
import { addApp, removeApp } from '../refs/cluster-apps.js';
import { footingOf } from '../refs/footing.js';
import { addMachines } from '../refs/resources.js';
import { cloudletOf, clusterOf } from './app-inst-keys.js';

/** Counts the compute of an AppInst that is being stored: `times` 1, or -1 for one that goes. */
export async function countAppInst(tx: Tx, inst: AppInst, times: 1 | -1): Promise<void> {
  const key = OBJECTS.AppInst.key(inst);
  const { app, cluster } = await surroundings(tx, inst);
  const footing = footingOf(inst, app, cluster);
  if (footing === 'none' || !key.appKey) return;
  const size = await tx.get(OBJECTS.Flavor, inst.flavor ?? { name: '' });
  if (footing === 'machine') {
    tx.put(OBJECTS.CloudletRefs, addMachines(await cloudletRefs(tx, inst), size, times));
    return;
  }
  const clusterKey = clusterOf(key);
  const refs = (await tx.get(OBJECTS.ClusterRefs, clusterKey)) ?? OBJECTS.ClusterRefs.withKey(clusterKey);
  tx.put(OBJECTS.ClusterRefs, (times === 1 ? addApp : removeApp)(refs, key.appKey, size));
}

/** The App and the ClusterInst of an AppInst, as far as they are there. */
export async function surroundings(
  tx: Tx,
  inst: AppInst,
): Promise<{ readonly app: App | undefined; readonly cluster: ClusterInst | undefined }> {
  const key = OBJECTS.AppInst.key(inst);
  const [app, cluster] = await Promise.all([
    key.appKey && tx.get(OBJECTS.App, key.appKey),
    tx.get(OBJECTS.ClusterInst, clusterOf(key)),
  ]);
  return { app, cluster };
}

/** Refs of the cloudlet of an AppInst, empty ones when there are none yet. */
export async function cloudletRefs(tx: Tx, inst: AppInst): Promise<CloudletRefs> {
  const key = cloudletOf(OBJECTS.AppInst.key(inst));
  return (await tx.get(OBJECTS.CloudletRefs, key)) ?? OBJECTS.CloudletRefs.withKey(key);
}
