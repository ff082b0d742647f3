import { errorsIn, stepByReport } from '@edgeplane/lifecycle';
import type { Receiver } from '@edgeplane/notify';
import { type KeyOf, OBJECTS } from '@edgeplane/objects';
import type { AppInstInfo } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { ClusterInstInfo } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import type { ControllerContext } from '../context.js';
import { turnOf } from '../db/database.js';
import { endUpdate } from '../operations/app-inst-settings.js';
import { dropAppInst } from '../operations/drop-app-inst.js';
import { dropClusterInst } from '../operations/drop-cluster-inst.js';
import { endByReport } from '../ownership/ownership.js';

/**
 * Reports of agents move instances (controller spec section 15.2), whether or not an operation waits for it; so an
 * instance comes to rest even when the controller that began the operation is gone. What the table does not allow is
 * ignored.
 */
export function clusterInstInfoReceiver({
  db,
}: ControllerContext): Receiver<ClusterInstInfo, KeyOf<'ClusterInstInfo'>> {
  const report = (key: KeyOf<'ClusterInstInfo'>, reported: TrackedState, errors: readonly string[]) =>
    db.commit(
      async (tx) => {
        const inst = await tx.get(OBJECTS.ClusterInst, key);
        const state = inst && stepByReport('ClusterInst', inst.state, reported);
        if (!inst || state === undefined) return;
        if (state === TrackedState.NOT_PRESENT) await dropClusterInst(tx, inst);
        else tx.put(OBJECTS.ClusterInst, { ...inst, state, errors: errorsIn(state, errors) });
        await endByReport(tx, { instance: 'ClusterInst', key: OBJECTS.ClusterInst.keyJson(key) }, state);
      },
      turnOf(OBJECTS.ClusterInst, key),
    );
  return {
    type: OBJECTS.ClusterInstInfo,
    onUpdate: async (info) => {
      await report(OBJECTS.ClusterInstInfo.key(info), info.state, info.errors);
    },
    onDelete: async (key) => {
      await report(key, TrackedState.NOT_PRESENT, []);
    },
  };
}

/** The same for AppInsts; their reports also say what runs. */
export function appInstInfoReceiver({ db }: ControllerContext): Receiver<AppInstInfo, KeyOf<'AppInstInfo'>> {
  const type = OBJECTS.AppInst;
  const report = (key: KeyOf<'AppInstInfo'>, info: AppInstInfo) =>
    db.commit(
      async (tx) => {
        const inst = await tx.get(type, key);
        if (!inst) return;
        const { runtimeInfo } = info;
        const state = stepByReport('AppInst', inst.state, info.state);
        if (state === undefined) {
          const refresh = inst.state === TrackedState.READY && info.state === TrackedState.READY;
          const refreshed = { ...inst, runtimeInfo };
          if (refresh && type.toStored(refreshed) !== type.toStored(inst)) tx.put(type, refreshed);
          return;
        }
        if (state === TrackedState.NOT_PRESENT) await dropAppInst(tx, inst);
        else {
          const settled = await endUpdate(tx, inst, state);
          tx.put(type, { ...settled, state, errors: errorsIn(state, info.errors), runtimeInfo });
        }
        await endByReport(tx, { instance: 'AppInst', key: type.keyJson(key) }, state);
      },
      turnOf(type, key),
    );
  return {
    type: OBJECTS.AppInstInfo,
    onUpdate: async (info) => {
      await report(OBJECTS.AppInstInfo.key(info), info);
    },
    onDelete: async (key) => {
      await report(key, { ...OBJECTS.AppInstInfo.withKey(key), state: TrackedState.NOT_PRESENT });
    },
  };
}
