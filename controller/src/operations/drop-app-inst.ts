import { OBJECTS } from '@edgeplane/objects';
import type { AppInst } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { Tx } from '../db/tx.js';
import { footingOf, isOnSharedBalancer } from '../refs/footing.js';
import { releasePorts } from '../refs/ports.js';
import { cloudletRefs, countAppInst, surroundings } from './app-inst-refs.js';

/** Gives back what a stored AppInst holds: its public ports on the shared load balancer, and its compute. */
export async function releaseAppInst(tx: Tx, inst: AppInst): Promise<void> {
  const { app, cluster } = await surroundings(tx, inst);
  if (isOnSharedBalancer(inst, footingOf(inst, app, cluster), cluster)) {
    const refs = await cloudletRefs(tx, inst);
    const rootLbPorts = releasePorts(refs.rootLbPorts, inst.mappedPorts);
    tx.put(OBJECTS.CloudletRefs, { ...refs, rootLbPorts });
  }
  await countAppInst(tx, inst, -1);
}

/** Removes an AppInst together with what it holds; the one way in which an AppInst goes away. */
export async function dropAppInst(tx: Tx, inst: AppInst): Promise<void> {
  await releaseAppInst(tx, inst);
  tx.delete(OBJECTS.AppInst, OBJECTS.AppInst.key(inst));
}
