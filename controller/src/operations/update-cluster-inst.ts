import { fail } from '@edgeplane/base';
import { canStep, step } from '@edgeplane/lifecycle';
import { OBJECTS } from '@edgeplane/objects';
import type { ClusterInst } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { storeErrors } from '@edgeplane/store';
import type { ControllerContext } from '../context.js';
import { turnOf } from '../db/database.js';
import type { Tx } from '../db/tx.js';
import { controllerErrors } from '../errors.js';
import { checkCapacity } from '../refs/capacity.js';
import { addNodes } from '../refs/resources.js';
import type { Call } from './call.js';
import { requireReady } from './cloudlet-ready.js';
import { clusterUse } from './drop-cluster-inst.js';
import { owned } from './owned.js';
import { StateWatch, UPDATE_WAIT } from './state-watch.js';

/** Ids: crm_override and the key are passed over, num_nodes is the only one that can change. */
const CRM_OVERRIDE = '6';
const KEY = '2';
const NUM_NODES = '14';

/**
 * Changes the number of nodes of a ClusterInst and waits for the agent (controller spec section 13.2). After a failure
 * the ClusterInst stays in UPDATE_ERROR, from where it can be updated again or deleted.
 */
export async function updateClusterInst(
  context: ControllerContext,
  request: ClusterInst,
  call: Call,
): Promise<void> {
  if (request.fields.length === 0) throw fail(controllerErrors.CLUSTER_INST_NOTHING_TO_UPDATE);
  const listed = request.fields.filter(
    (id) => id !== CRM_OVERRIDE && id !== KEY && !id.startsWith(`${KEY}.`),
  );
  if (listed.some((id) => id !== NUM_NODES)) throw fail(controllerErrors.CLUSTER_INST_FIELDS);
  const key = OBJECTS.ClusterInst.key(request);
  const { ignoresAgent } = call.overrides;
  if (!ignoresAgent) requireReady(context, key.cloudletKey);
  const numNodes = listed.length > 0 ? request.numNodes : undefined;
  const watch = new StateWatch({
    context,
    cache: context.caches.clusterInsts,
    keyJson: OBJECTS.ClusterInst.keyJson(key),
    typeName: 'ClusterInst',
    plan: UPDATE_WAIT,
    timeoutMs: context.timeouts.update,
  });
  try {
    const { revision, value: operation } = await context.db.commit(
      async (tx) => {
        const inst = await tx.get(OBJECTS.ClusterInst, key);
        if (!inst) throw fail(storeErrors.KEY_NOT_FOUND);
        if (inst.numMasters === 0) throw fail(controllerErrors.CLUSTER_INST_SINGLE_NODE);
        const state = nextState(inst.state, call);
        const changed = numNodes === undefined ? inst : await resize(context, tx, inst, numNodes);
        tx.put(OBJECTS.ClusterInst, { ...changed, state, errors: [] });
        if (ignoresAgent) return undefined;
        return context.ownership.begin(tx, {
          instance: 'ClusterInst',
          key: OBJECTS.ClusterInst.keyJson(key),
          work: 'update',
          timeoutMs: context.timeouts.update,
        });
      },
      turnOf(OBJECTS.ClusterInst, key),
    );
    if (!operation) return;
    await owned(context, operation, async () => {
      try {
        if ((await watch.result(revision, call.say)) === 'done') call.say('Updated successfully');
      } finally {
        if (!context.stopping.aborted) await context.ownership.finish(operation);
      }
    });
  } finally {
    watch.close();
  }
}

/** @throws EdgeplaneError CLUSTER_INST_NOT_READY */
function nextState(from: TrackedState, { overrides }: Call): TrackedState {
  const requested = TrackedState.UPDATE_REQUESTED;
  if (!canStep({ kind: 'ClusterInst', from, actor: 'user', to: requested, overrides })) {
    throw fail(controllerErrors.CLUSTER_INST_NOT_READY);
  }
  if (!overrides.ignoresAgent) return requested;
  return step({
    kind: 'ClusterInst',
    from: requested,
    actor: 'controller',
    to: TrackedState.READY,
    overrides,
  });
}

/** @throws EdgeplaneError CLUSTER_INST_NO_NODES, CAPACITY */
async function resize(
  { enforceCapacity }: ControllerContext,
  tx: Tx,
  inst: ClusterInst,
  numNodes: number,
): Promise<ClusterInst> {
  if (numNodes === 0) throw fail(controllerErrors.CLUSTER_INST_NO_NODES);
  const cloudletKey = inst.key?.cloudletKey ?? { operatorKey: undefined, name: '' };
  const refs = await tx.get(OBJECTS.CloudletRefs, cloudletKey);
  if (refs) {
    const { size } = await clusterUse(tx, inst);
    const resized = addNodes(refs, size, numNodes - inst.numNodes);
    checkCapacity(refs, resized, await tx.get(OBJECTS.CloudletInfo, cloudletKey), enforceCapacity);
    tx.put(OBJECTS.CloudletRefs, resized);
  }
  return { ...inst, numNodes };
}
