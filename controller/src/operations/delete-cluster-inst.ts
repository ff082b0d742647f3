import { fail, isKind, messageOf, sleep } from '@edgeplane/base';
import { canStep, NO_OVERRIDES } from '@edgeplane/lifecycle';
import { OBJECTS } from '@edgeplane/objects';
import { DeleteType } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { ClusterInstKey } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { storeErrors } from '@edgeplane/store';
import type { ControllerContext } from '../context.js';
import { turnOf } from '../db/database.js';
import { controllerErrors } from '../errors.js';
import type { Operation } from '../ownership/operation.js';
import type { Call } from './call.js';
import { requireReady } from './cloudlet-ready.js';
import { dropClusterInst } from './drop-cluster-inst.js';
import { owned } from './owned.js';
import { CLUSTER_INSTS, settleDelete } from './settle.js';
import { DELETE_WAIT, StateWatch, type WaitResult } from './state-watch.js';
import { takeDownAppInst } from './take-down-app-inst.js';

const S = TrackedState;
/** How often a busy AppInst is tried again, milliseconds. */
const RETRY_MS = 500;

/** AppInsts on a ClusterInst that go with it, and whether there are others, which keep it. */
export function appInstsOn(
  context: ControllerContext,
  key: ClusterInstKey,
): { readonly autoDelete: readonly AppInst[]; readonly blocked: boolean } {
  const { apps, appInsts } = context.caches;
  const on = appInsts.byIndex('clusterInst', OBJECTS.ClusterInst.keyJson(key)).map(({ value }) => value);
  const goes = (inst: AppInst) => {
    const app = inst.key?.appKey && apps.get(OBJECTS.App.keyJson(inst.key.appKey))?.value;
    return app?.delOpt === DeleteType.AUTO_DELETE;
  };
  const autoDelete = on.filter(goes);
  return { autoDelete, blocked: autoDelete.length < on.length };
}

/**
 * Deletes a ClusterInst with the AppInsts that go with it, and waits for the agent (controller spec section 13.3).
 * @throws EdgeplaneError KEY_NOT_FOUND, CLUSTER_INST_IN_USE, CLUSTER_INST_BUSY, AGENT_FAILED, AGENT_TIMEOUT and others
 */
export async function deleteClusterInst(
  context: ControllerContext,
  key: ClusterInstKey,
  call: Call,
): Promise<WaitResult> {
  refuseIfUsed(context, key);
  const { ignoresAgent } = call.overrides;
  if (!ignoresAgent) requireReady(context, key.cloudletKey);
  const operation = await prepare(context, key, call);
  return owned(context, operation, () => deletePrepared(context, key, call, operation));
}

/**
 * The rest of it, once the ClusterInst is in DELETE_PREPARE; can be begun again.
 * @throws EdgeplaneError as {@link deleteClusterInst}; then the ClusterInst is as it was before
 */
export async function deletePrepared(
  context: ControllerContext,
  key: ClusterInstKey,
  call: Call,
  operation: Operation,
): Promise<WaitResult> {
  const { ignoresAgent } = call.overrides;
  try {
    // AppInsts that were stored before the preparation are in the caches now; later ones are refused.
    refuseIfUsed(context, key);
    await deleteAppInsts(context, key, call);
  } catch (error) {
    if (!context.stopping.aborted) await restore(context, key, operation);
    throw error;
  }
  const watch = new StateWatch({
    context,
    cache: context.caches.clusterInsts,
    keyJson: OBJECTS.ClusterInst.keyJson(key),
    typeName: 'ClusterInst',
    plan: DELETE_WAIT,
    timeoutMs: context.timeouts.delete,
  });
  try {
    const { revision } = await context.db.commit(
      async (tx) => {
        const inst = await tx.get(OBJECTS.ClusterInst, key);
        if (!inst) throw fail(storeErrors.KEY_NOT_FOUND);
        const prepared = inst.state === S.DELETE_PREPARE && (await context.ownership.holds(tx, operation));
        if (!prepared) throw fail(controllerErrors.CLUSTER_INST_NOT_PREPARED);
        if (ignoresAgent) {
          await dropClusterInst(tx, inst);
          await context.ownership.end(tx, operation);
          return;
        }
        tx.put(OBJECTS.ClusterInst, { ...inst, state: S.DELETE_REQUESTED });
        await context.ownership.prolong(tx, operation, context.timeouts.delete);
      },
      turnOf(OBJECTS.ClusterInst, key),
    );
    if (ignoresAgent) return 'done';
    try {
      const result = await watch.result(revision, call.say);
      if (result === 'done') call.say('Deleted ClusterInst successfully');
      await context.ownership.finish(operation);
      return result;
    } catch (error) {
      await settleDelete(context, CLUSTER_INSTS, key, call, operation, error);
      return 'done';
    }
  } finally {
    watch.close();
  }
}

function refuseIfUsed(context: ControllerContext, key: ClusterInstKey): void {
  if (appInstsOn(context, key).blocked) throw fail(controllerErrors.CLUSTER_INST_IN_USE);
}

/** Moves to DELETE_PREPARE, which keeps new AppInsts out. */
async function prepare(context: ControllerContext, key: ClusterInstKey, call: Call): Promise<Operation> {
  const { value } = await context.db.commit(
    async (tx) => {
      const inst = await tx.get(OBJECTS.ClusterInst, key);
      if (!inst) throw fail(storeErrors.KEY_NOT_FOUND);
      const { overrides } = call;
      const from = inst.state;
      if (!canStep({ kind: 'ClusterInst', from, actor: 'user', to: S.DELETE_PREPARE, overrides })) {
        if (from === S.DELETE_ERROR) {
          tx.hints.push(
            `Previous delete failed, [${inst.errors.join(' ')}]`,
            'Use CreateClusterInst to rebuild, and try again',
          );
        }
        throw fail(controllerErrors.CLUSTER_INST_BUSY);
      }
      tx.put(OBJECTS.ClusterInst, { ...inst, state: S.DELETE_PREPARE, errors: [] });
      return context.ownership.begin(tx, {
        instance: 'ClusterInst',
        key: OBJECTS.ClusterInst.keyJson(key),
        work: 'delete',
        timeoutMs: context.timeouts.delete,
        ignoresAgentErrors: overrides.ignoresAgentErrors,
        before: from,
      });
    },
    { say: call.say },
  );
  return value;
}

/** Step 4. The agent is asked even when this delete ignores it. */
async function deleteAppInsts(context: ControllerContext, key: ClusterInstKey, call: Call): Promise<void> {
  const deadline = context.clock.monotonic() + context.timeouts.delete;
  for (const inst of appInstsOn(context, key).autoDelete) {
    call.say(`Autodeleting appinst ${inst.key?.appKey?.name ?? ''}`);
    const own: Call = { overrides: NO_OVERRIDES, say: call.say };
    for (;;) {
      try {
        const result = await takeDownAppInst(context, OBJECTS.AppInst.key(inst), own);
        if (result === 'done') break;
        // Its cluster must not go from under it.
        throw fail(controllerErrors.AGENT_TIMEOUT, { wanted: 'NotPresent', actual: 'Deleting' });
      } catch (error) {
        if (isKind(error, storeErrors.KEY_NOT_FOUND)) break;
        const again = isKind(error, controllerErrors.APP_INST_BUSY) && context.clock.monotonic() < deadline;
        if (!again) {
          const cluster = key.clusterKey?.name ?? '';
          throw fail(
            controllerErrors.CLUSTER_INST_AUTO_DELETE,
            { cluster, error: messageOf(error) },
            { cause: error },
          );
        }
        await sleep(context.clock, RETRY_MS, context.stopping);
      }
    }
  }
}

/** Nothing was asked of the agent yet: back to the state before. */
async function restore(
  { db, ownership }: ControllerContext,
  key: ClusterInstKey,
  operation: Operation,
): Promise<void> {
  const back = [S.CREATE_ERROR, S.UPDATE_ERROR].find((s) => s === operation.before) ?? S.READY;
  await db.commit(async (tx) => {
    if (!(await ownership.holds(tx, operation))) return;
    const inst = await tx.get(OBJECTS.ClusterInst, key);
    if (inst?.state === S.DELETE_PREPARE) tx.put(OBJECTS.ClusterInst, { ...inst, state: back });
    await ownership.end(tx, operation);
  });
}
