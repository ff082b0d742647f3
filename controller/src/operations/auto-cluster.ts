import { fail, isKind } from '@edgeplane/base';
import { isTransient } from '@edgeplane/lifecycle';
import { OBJECTS } from '@edgeplane/objects';
import type { AppInst, AppInstKey } from '@edgeplane/proto/edgeproto/app_inst.js';
import { Liveness, TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { storeErrors } from '@edgeplane/store';
import type { ControllerContext } from '../context.js';
import { controllerErrors } from '../errors.js';
import { clusterDeployment } from '../names.js';
import type { Operation } from '../ownership/operation.js';
import { clusterOf } from './app-inst-keys.js';
import { type Call, silent } from './call.js';
import { createClusterInst } from './create-cluster-inst.js';
import { dropAutoCluster } from './drop-auto-cluster.js';
import { beginCreate } from './owned.js';
import type { AppInstPlan } from './plan-app-inst.js';
import { isAgentFailure } from './state-watch.js';

/**
 * The auto-cluster of a planned AppInst: made just now, under an operation on the AppInst that has begun with it; `shared`
 * with others; or `none`, when it is an ordinary one or not needed. `again`: it changed meanwhile, so plan again.
 */
export type AutoCluster = Operation | 'shared' | 'none' | 'again';

/**
 * Sees to it that the auto-cluster of an AppInst is there. Of several that want one at the same time, one makes it and the
 * others wait for it.
 * @param deadline of the whole create, monotonic milliseconds
 * @throws EdgeplaneError as createClusterInst; AGENT_FAILED when the one that is waited for fails;
 * APP_INST_CLUSTER_NOT_READY when time is up
 */
export async function provideCluster(
  context: ControllerContext,
  plan: AppInstPlan,
  request: Pick<AppInst, 'flavor' | 'autoClusterIpAccess'>,
  call: Call,
  deadline: number,
): Promise<AutoCluster> {
  if (plan.cluster?.auto) {
    const waits = isTransient(plan.cluster.state) && !call.overrides.ignoresAgent;
    return waits ? waitForCluster(context, plan.key, deadline) : 'shared';
  }
  if (!plan.makeCluster) return 'none';
  try {
    return await createAutoCluster(context, plan, request, call);
  } catch (error) {
    if (isKind(error, storeErrors.KEY_EXISTS) && context.clock.monotonic() < deadline) return 'again';
    throw error;
  }
}

async function createAutoCluster(
  context: ControllerContext,
  { key, app }: AppInstPlan,
  request: Pick<AppInst, 'flavor' | 'autoClusterIpAccess'>,
  call: Call,
): Promise<Operation> {
  const deployment = clusterDeployment(app.deployment);
  const nodes = deployment === 'kubernetes' ? 1 : 0;
  let operation: Operation | undefined;
  const making = createClusterInst(
    context,
    {
      key: clusterOf(key),
      flavor: request.flavor?.name ? request.flavor : app.defaultFlavor,
      liveness: Liveness.LIVENESS_DYNAMIC,
      auto: true,
      ipAccess: request.autoClusterIpAccess,
      deployment,
      numMasters: nodes,
      numNodes: nodes,
    },
    call,
    async (tx) => {
      operation = beginCreate(context, tx, key, call, true);
    },
  );
  try {
    await making;
  } catch (error) {
    if (operation) await settleMaking(context, key, operation, error);
    throw error;
  }
  if (!operation) throw new Error('a ClusterInst was made without being stored');
  return operation;
}

/**
 * What an agent refused has been undone, unless it went on meanwhile. After anything else the cluster may be there as well: the
 * operation goes on to see to it.
 */
async function settleMaking(
  context: ControllerContext,
  key: AppInstKey,
  operation: Operation,
  error: unknown,
): Promise<void> {
  if (context.stopping.aborted) return;
  const undone = !context.caches.clusterInsts.has(OBJECTS.ClusterInst.keyJson(clusterOf(key)));
  if (undone && isAgentFailure(error)) await context.ownership.finish(operation);
  else if (context.ownership.isOurs(operation)) context.resume(operation);
}

/**
 * Through the agent, which has the cluster; its messages are not told, the caller gets the first error. False: it could not
 * be tried, and has to be again.
 */
export async function undoAutoCluster(
  context: ControllerContext,
  key: AppInstKey,
  call: Call,
): Promise<boolean> {
  if (context.stopping.aborted) return false;
  call.say('DELETING auto-ClusterInst due to failure');
  const overrides = { ...call.overrides, takesOver: true };
  return dropAutoCluster(context, clusterOf(key), { overrides, say: silent });
}

/** Waits until a cluster that is being made or deleted comes to rest. */
function waitForCluster(context: ControllerContext, key: AppInstKey, deadline: number): Promise<AutoCluster> {
  const { caches, clock, stopping } = context;
  const keyJson = OBJECTS.ClusterInst.keyJson(clusterOf(key));
  const left = Math.max(0, deadline - clock.monotonic());
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      unwatch();
      cancel();
      stopping.removeEventListener('abort', onStop);
      settle();
    };
    const onStop = () => end(() => reject(fail(controllerErrors.STOPPING)));
    const look = () => {
      const cluster = caches.clusterInsts.get(keyJson)?.value;
      if (cluster?.state === TrackedState.CREATE_ERROR) {
        const errors = cluster.errors.join(', ');
        end(() => reject(fail(controllerErrors.AGENT_FAILED, { errors })));
      } else if (!cluster || !isTransient(cluster.state)) end(() => resolve('again'));
    };
    const unwatch = caches.clusterInsts.watchKey(keyJson, look);
    const cancel = clock.after(left, () =>
      end(() => reject(fail(controllerErrors.APP_INST_CLUSTER_NOT_READY, { key: keyJson }))),
    );
    stopping.addEventListener('abort', onStop, { once: true });
    if (stopping.aborted) onStop();
    else look();
  });
}
