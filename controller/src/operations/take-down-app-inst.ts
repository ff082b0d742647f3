import { fail } from '@edgeplane/base';
import { canStep } from '@edgeplane/lifecycle';
import { OBJECTS } from '@edgeplane/objects';
import type { AppInst, AppInstKey } from '@edgeplane/proto/edgeproto/app_inst.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { storeErrors } from '@edgeplane/store';
import type { ControllerContext } from '../context.js';
import { turnOf } from '../db/database.js';
import type { Tx } from '../db/tx.js';
import { controllerErrors } from '../errors.js';
import { isDefaultCloudlet } from '../names.js';
import type { Operation } from '../ownership/operation.js';
import type { Call } from './call.js';
import { requireReady } from './cloudlet-ready.js';
import { dropAppInst } from './drop-app-inst.js';
import { owned } from './owned.js';
import { APP_INSTS, settleDelete } from './settle.js';
import { DELETE_WAIT, StateWatch, type WaitResult } from './state-watch.js';

/**
 * Deletes one AppInst and waits for the agent, without a look at its cluster (controller spec section 14.4, steps 1
 * to 3). Its ports are given back when it is gone, not before. `follow` is done then, as part of the same operation.
 * @throws EdgeplaneError KEY_NOT_FOUND, APP_INST_BUSY, AGENT_FAILED, AGENT_TIMEOUT
 */
export async function takeDownAppInst(
  context: ControllerContext,
  key: AppInstKey,
  call: Call,
  follow?: () => Promise<boolean>,
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
    const { revision, value: operation } = await context.db.commit(
      async (tx) => {
        await request(tx, key, direct, call);
        return direct && !follow ? undefined : begin(context, tx, key, call, follow !== undefined);
      },
      turnOf(OBJECTS.AppInst, key),
    );
    if (!operation) return 'done';
    return await owned(context, operation, async () => {
      const result = direct ? 'done' : await outcome(context, watch, revision, key, call, operation);
      // While the agent still deletes, the operation goes on, so that the cluster follows in the end.
      const over = !follow || (result === 'done' && (await follow()));
      if (over) await context.ownership.finish(operation);
      return result;
    });
  } finally {
    watch.close();
  }
}

function begin(
  { ownership, timeouts }: ControllerContext,
  tx: Tx,
  key: AppInstKey,
  { overrides }: Call,
  autoCluster: boolean,
): Operation {
  return ownership.begin(tx, {
    instance: 'AppInst',
    key: OBJECTS.AppInst.keyJson(key),
    work: 'delete',
    timeoutMs: timeouts.delete,
    ignoresAgentErrors: overrides.ignoresAgentErrors,
    autoCluster,
  });
}

async function outcome(
  context: ControllerContext,
  watch: StateWatch<AppInst>,
  revision: number,
  key: AppInstKey,
  call: Call,
  operation: Operation,
): Promise<WaitResult> {
  try {
    const result = await watch.result(revision, call.say);
    if (result === 'done') call.say('Deleted AppInst successfully');
    return result;
  } catch (error) {
    await settleDelete(context, APP_INSTS, key, call, operation, error);
    return 'done';
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
