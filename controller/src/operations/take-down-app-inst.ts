import { fail } from '@edgeplane/base';
import { canStep } from '@edgeplane/lifecycle';
import { OBJECTS } from '@edgeplane/objects';
import type { AppInstKey } from '@edgeplane/proto/edgeproto/app_inst.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { storeErrors } from '@edgeplane/store';
import type { ControllerContext } from '../context.js';
import { turnOf } from '../db/database.js';
import type { Tx } from '../db/tx.js';
import { controllerErrors } from '../errors.js';
import { isDefaultCloudlet } from '../names.js';
import type { Call } from './call.js';
import { requireReady } from './cloudlet-ready.js';
import { dropAppInst } from './drop-app-inst.js';
import { APP_INSTS, settleDelete } from './settle.js';
import { DELETE_WAIT, StateWatch, type WaitResult } from './state-watch.js';

/**
 * Deletes one AppInst and waits for the agent, without a look at its cluster (controller spec section 14.4, steps 1
 * to 3). Its ports are given back when it is gone, not before.
 * @throws EdgeplaneError KEY_NOT_FOUND, APP_INST_BUSY, AGENT_FAILED, AGENT_TIMEOUT
 */
export async function takeDownAppInst(
  context: ControllerContext,
  key: AppInstKey,
  call: Call,
): Promise<WaitResult> {
  const cloudletKey = key.clusterInstKey?.cloudletKey;
  const direct = call.overrides.ignoresAgent || isDefaultCloudlet(cloudletKey);
  if (!direct) requireReady(context, cloudletKey);
  const watch = new StateWatch({
    context,
    cache: context.caches.appInsts,
    keyJson: OBJECTS.AppInst.keyJson(key),
    typeName: 'AppInst',
    plan: DELETE_WAIT,
    timeoutMs: context.timeouts.delete,
  });
  try {
    const { revision } = await context.db.commit(
      (tx) => request(tx, key, direct, call),
      turnOf(OBJECTS.AppInst, key),
    );
    if (direct) return 'done';
    try {
      const result = await watch.result(revision, call.say);
      if (result === 'done') call.say('Deleted AppInst successfully');
      return result;
    } catch (error) {
      await settleDelete(context, APP_INSTS, key, call, error);
      return 'done';
    }
  } finally {
    watch.close();
  }
}

async function request(tx: Tx, key: AppInstKey, direct: boolean, call: Call): Promise<void> {
  const inst = await tx.get(OBJECTS.AppInst, key);
  if (!inst) throw fail(storeErrors.KEY_NOT_FOUND);
  const to = direct ? TrackedState.NOT_PRESENT : TrackedState.DELETE_REQUESTED;
  const overrides = { ...call.overrides, ignoresAgent: direct };
  if (!canStep({ kind: 'AppInst', from: inst.state, actor: 'user', to, overrides })) {
    throw fail(controllerErrors.APP_INST_BUSY);
  }
  if (direct) return dropAppInst(tx, inst);
  const cloudlet = key.clusterInstKey?.cloudletKey ?? { operatorKey: undefined, name: '' };
  if (!(await tx.entry(OBJECTS.Cloudlet, cloudlet))) throw fail(controllerErrors.APP_INST_CLOUDLET_MISSING);
  tx.put(OBJECTS.AppInst, { ...inst, state: to, errors: [] });
}
