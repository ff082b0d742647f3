import { errorsIn, stepByReport } from '@edgeplane/lifecycle';
import type { PeerInfo, Receiver } from '@edgeplane/notify';
import { type KeyOf, OBJECTS } from '@edgeplane/objects';
import type { AppInstInfo } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { ClusterInstInfo } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import type { ControllerContext } from '../context.js';
import { type CommitOptions, turnOf } from '../db/database.js';
import type { Tx } from '../db/tx.js';
import { endUpdate } from '../operations/app-inst-settings.js';
import { dropAppInst } from '../operations/drop-app-inst.js';
import { dropClusterInst } from '../operations/drop-cluster-inst.js';
import { endByReport } from '../ownership/ownership.js';
import type { Fence } from './fence.js';
import { insist } from './persistent-receiver.js';

/**
 * Reports of agents move instances (controller spec section 15.2), whether or not an operation waits for it; so an
 * instance comes to rest even when the controller that began the operation is gone. What the table does not allow is
 * ignored.
 */
export function clusterInstInfoReceiver(
  context: ControllerContext,
  fence: Fence,
): Receiver<ClusterInstInfo, KeyOf<'ClusterInstInfo'>> {
  const type = OBJECTS.ClusterInst;
  const take = (key: KeyOf<'ClusterInstInfo'>, info: ClusterInstInfo, peer: PeerInfo) => {
    const from = { peer, site: key.cloudletKey, name: `ClusterInst ${type.keyJson(key)}` };
    return applyReport(context, fence, from, turnOf(type, key), async (tx) => {
      const inst = await tx.get(type, key);
      const state = inst && stepByReport('ClusterInst', inst.state, info.state);
      if (!inst || state === undefined) return;
      if (state === TrackedState.NOT_PRESENT) await dropClusterInst(tx, inst);
      else tx.put(type, { ...inst, state, errors: errorsIn(state, info.errors) });
      await endByReport(tx, { instance: 'ClusterInst', key: type.keyJson(key) }, state);
    });
  };
  return {
    type: OBJECTS.ClusterInstInfo,
    onUpdate: (info, peer) => take(OBJECTS.ClusterInstInfo.key(info), info, peer),
    onDelete: (key, _keyJson, peer) =>
      take(key, { ...OBJECTS.ClusterInstInfo.withKey(key), state: TrackedState.NOT_PRESENT }, peer),
  };
}

/** The same for AppInsts; their reports also say what runs. */
export function appInstInfoReceiver(
  context: ControllerContext,
  fence: Fence,
): Receiver<AppInstInfo, KeyOf<'AppInstInfo'>> {
  const type = OBJECTS.AppInst;
  const take = (key: KeyOf<'AppInstInfo'>, info: AppInstInfo, peer: PeerInfo) => {
    const from = { peer, site: key.clusterInstKey?.cloudletKey, name: `AppInst ${type.keyJson(key)}` };
    return applyReport(context, fence, from, turnOf(type, key), async (tx) => {
      const inst = await tx.get(type, key);
      if (!inst) return;
      const { runtimeInfo } = info;
      const state = stepByReport('AppInst', inst.state, info.state);
      if (state === undefined) {
        const refresh = inst.state === TrackedState.READY && info.state === TrackedState.READY;
        // What runs may have troubles all the same.
        const refreshed = { ...inst, runtimeInfo, errors: [...info.errors] };
        if (refresh && type.toStored(refreshed) !== type.toStored(inst)) tx.put(type, refreshed);
        return;
      }
      if (state === TrackedState.NOT_PRESENT) await dropAppInst(tx, inst);
      else {
        const settled = await endUpdate(tx, inst, state);
        tx.put(type, { ...settled, state, errors: errorsIn(state, info.errors), runtimeInfo });
      }
      await endByReport(tx, { instance: 'AppInst', key: type.keyJson(key) }, state);
    });
  };
  return {
    type: OBJECTS.AppInstInfo,
    onUpdate: (info, peer) => take(OBJECTS.AppInstInfo.key(info), info, peer),
    onDelete: (key, _keyJson, peer) =>
      take(key, { ...OBJECTS.AppInstInfo.withKey(key), state: TrackedState.NOT_PRESENT }, peer),
  };
}

interface ReportedBy {
  readonly peer: PeerInfo;
  readonly site: KeyOf<'CloudletInfo'> | undefined;
  /** Of the instance, unique among reports. */
  readonly name: string;
}

/** Does what follows from a report, if its session has the site; else when it has, if ever. */
async function applyReport(
  context: ControllerContext,
  fence: Fence,
  from: ReportedBy,
  turn: CommitOptions,
  step: (tx: Tx) => Promise<void>,
): Promise<void> {
  const { peer, name } = from;
  const site = from.site ?? OBJECTS.CloudletInfo.key(OBJECTS.CloudletInfo.empty());
  const cloudlet = OBJECTS.CloudletInfo.keyJson(site);
  fence.enter(cloudlet, peer);
  const { value: heard } = await context.db.commit(async (tx) => {
    if (!fence.hears(cloudlet, peer, await tx.get(OBJECTS.CloudletInfo, site))) return false;
    await step(tx);
    return true;
  }, turn);
  if (!heard)
    fence.whenHeard(cloudlet, peer, name, () =>
      insist(context, name, () => applyReport(context, fence, from, turn, step)),
    );
}
