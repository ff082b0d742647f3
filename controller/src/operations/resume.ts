import { fail, isKind, sleep } from '@edgeplane/base';
import { isTransient, isUsable } from '@edgeplane/lifecycle';
import { OBJECTS } from '@edgeplane/objects';
import type { AppInstKey } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { ClusterInstKey } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import type { ObjectCache } from '@edgeplane/store';
import type { ControllerContext } from '../context.js';
import { controllerErrors } from '../errors.js';
import { type Operation, overridesOf } from '../ownership/operation.js';
import { clusterOf } from './app-inst-keys.js';
import { type Call, silent } from './call.js';
import { deleteAutoCluster } from './delete-app-inst.js';
import { deletePrepared } from './delete-cluster-inst.js';
import { APP_INSTS, CLUSTER_INSTS, type Instances, settleCreate, settleDelete } from './settle.js';
import {
  CREATE_WAIT,
  DELETE_WAIT,
  isAgentFailure,
  StateWatch,
  UPDATE_WAIT,
  type WaitPlan,
} from './state-watch.js';
import { giveUpUpdate } from './update-app-inst.js';

const WAITS: Readonly<Record<Operation['work'], WaitPlan>> = {
  create: CREATE_WAIT,
  update: UPDATE_WAIT,
  delete: DELETE_WAIT,
};

/** An agent whose controller died needs a moment to find another one, milliseconds. */
const GRACE_MS = 15_000;
/** Between two tries of what an agent or the store was not there for, milliseconds. */
const MOMENT_MS = 500;

/**
 * Brings an operation that this controller owns to its end, as whoever began it would have: waits for the agent in the time
 * that is left, undoes what failed, and deletes the auto-cluster that has to follow. It can be repeated from any point.
 * @throws what the store throws, STOPPING
 */
export async function resumeOperation(context: ControllerContext, operation: Operation): Promise<void> {
  const call: Call = { overrides: overridesOf(operation), say: silent };
  if (operation.instance === 'AppInst') {
    const key = OBJECTS.AppInst.parseKeyJson(operation.key);
    await settle(context, APP_INSTS, context.caches.appInsts, key, call, operation, (error) =>
      giveUpUpdate(context, key, operation, error),
    );
    await followUp(context, key, call, operation);
  } else {
    const key = OBJECTS.ClusterInst.parseKeyJson(operation.key);
    await resumeClusterInst(context, key, call, operation);
  }
  await context.ownership.finish(operation);
}

async function resumeClusterInst(
  context: ControllerContext,
  key: ClusterInstKey,
  call: Call,
  operation: Operation,
): Promise<void> {
  const { clusterInsts } = context.caches;
  const prepared = clusterInsts.get(operation.key)?.value.state === TrackedState.DELETE_PREPARE;
  if (operation.work !== 'delete' || !prepared) {
    await settle(context, CLUSTER_INSTS, clusterInsts, key, call, operation, async () => {});
    return;
  }
  try {
    await deletePrepared(context, key, call, operation);
  } catch (error) {
    // Everything is as it was before the delete; the caller is gone, so only the log is told.
    if (!context.ownership.isOurs(operation) || isRefused(error)) return;
    throw error;
  }
}

/** Waits for the agent and settles what it did; `giveUp` after an update that failed. */
async function settle<T extends { readonly state: TrackedState; readonly errors: string[] }, K>(
  context: ControllerContext,
  kind: Instances<T, K>,
  cache: ObjectCache<T>,
  key: K,
  call: Call,
  operation: Operation,
  giveUp: (error: unknown) => Promise<void>,
): Promise<void> {
  const { work } = operation;
  const timeoutMs = Math.max(
    operation.until - context.clock.now(),
    Math.min(GRACE_MS, context.timeouts[work]),
  );
  const watch = new StateWatch({
    context,
    cache,
    keyJson: operation.key,
    typeName: kind.name,
    plan: WAITS[work],
    timeoutMs,
    resumed: true,
  });
  try {
    await watch.result(0, silent);
  } catch (error) {
    if (isKind(error, controllerErrors.SUPERSEDED)) return;
    if (work === 'update' && isAgentFailure(error)) return giveUp(error);
    const settling = work === 'delete' ? settleDelete : settleCreate;
    await settling(context, kind, key, call, operation, error).catch((settled: unknown) => {
      if (!isAgentFailure(settled)) throw settled;
    });
  } finally {
    watch.close();
  }
}

/** The auto-cluster of an AppInst that is gone, or never came. */
async function followUp(
  context: ControllerContext,
  key: AppInstKey,
  call: Call,
  operation: Operation,
): Promise<void> {
  if (!operation.autoCluster) return;
  if (operation.work === 'delete') await absent(context, operation.key);
  if (context.caches.appInsts.has(operation.key) || !context.ownership.isOurs(operation)) return;
  for (;;) {
    await atRest(context, clusterOf(key));
    if (await deleteAutoCluster(context, key, call)) return;
    await usable(context, clusterOf(key));
  }
}

/** Waits until nothing is under way on a cluster. @throws when the controller stops */
async function atRest({ caches, clock, stopping }: ControllerContext, key: ClusterInstKey): Promise<void> {
  const keyJson = OBJECTS.ClusterInst.keyJson(key);
  const busy = () => isTransient(caches.clusterInsts.get(keyJson)?.value.state ?? TrackedState.NOT_PRESENT);
  while (busy()) await sleep(clock, MOMENT_MS, stopping);
}

/** Waits until the AppInst is gone, or not being deleted any more, however long its agent takes. @throws EdgeplaneError STOPPING */
function absent({ caches, stopping }: ControllerContext, keyJson: string): Promise<void> {
  const { appInsts } = caches;
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      unwatch();
      stopping.removeEventListener('abort', onStop);
      settle();
    };
    const onStop = () => end(() => reject(fail(controllerErrors.STOPPING)));
    const look = () => {
      const inst = appInsts.get(keyJson)?.value;
      if (!inst || !isTransient(inst.state)) end(resolve);
    };
    const unwatch = appInsts.watchKey(keyJson, look);
    stopping.addEventListener('abort', onStop, { once: true });
    if (stopping.aborted) onStop();
    else look();
  });
}

/** Waits for an agent of a cluster's cloudlet, or until the cluster is gone. @throws when the controller stops */
async function usable({ caches, clock, stopping }: ControllerContext, key: ClusterInstKey): Promise<void> {
  const cloudlet = OBJECTS.Cloudlet.keyJson(key.cloudletKey ?? { operatorKey: undefined, name: '' });
  const cluster = OBJECTS.ClusterInst.keyJson(key);
  for (;;) {
    await sleep(clock, MOMENT_MS, stopping);
    const info = caches.cloudletInfos.get(cloudlet)?.value;
    if ((info && isUsable(info.state)) || !caches.clusterInsts.has(cluster)) return;
  }
}

function isRefused(error: unknown): boolean {
  return (
    isKind(error, controllerErrors.CLUSTER_INST_IN_USE) ||
    isKind(error, controllerErrors.CLUSTER_INST_AUTO_DELETE) ||
    isKind(error, controllerErrors.CLUSTER_INST_NOT_PREPARED) ||
    isAgentFailure(error)
  );
}
