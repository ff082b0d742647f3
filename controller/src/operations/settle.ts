import { messageOf } from '@edgeplane/base';
import { canStep } from '@edgeplane/lifecycle';
import { OBJECTS, type ObjectType } from '@edgeplane/objects';
import type { AppInst } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { ClusterInst } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import type { ControllerContext } from '../context.js';
import { turnOf } from '../db/database.js';
import type { Tx } from '../db/tx.js';
import type { Operation } from '../ownership/operation.js';
import type { Call } from './call.js';
import { dropAppInst } from './drop-app-inst.js';
import { dropClusterInst } from './drop-cluster-inst.js';
import { isAgentFailure } from './state-watch.js';

/** What the code below must know of a kind of instance. */
export interface Instances<T, K> {
  readonly name: 'ClusterInst' | 'AppInst';
  readonly type: ObjectType<T, K>;
  /** Words that announce the undo of a create. */
  readonly undoing: string;
  drop(tx: Tx, inst: T): Promise<void>;
}

interface Instance {
  readonly state: TrackedState;
  readonly errors: string[];
}

export const CLUSTER_INSTS: Instances<ClusterInst, Parameters<typeof OBJECTS.ClusterInst.keyJson>[0]> = {
  name: 'ClusterInst',
  type: OBJECTS.ClusterInst,
  undoing: 'DELETING ClusterInst due to failures',
  drop: dropClusterInst,
};

export const APP_INSTS: Instances<AppInst, Parameters<typeof OBJECTS.AppInst.keyJson>[0]> = {
  name: 'AppInst',
  type: OBJECTS.AppInst,
  undoing: 'DELETING AppInst due to failure',
  drop: dropAppInst,
};

/**
 * After a create that the agent did not bring to its end (controller spec section 15.4): by override it counts as done,
 * otherwise it is undone and the error thrown again.
 */
export async function settleCreate<T extends Instance, K>(
  context: ControllerContext,
  kind: Instances<T, K>,
  key: K,
  call: Call,
  operation: Operation,
  error: unknown,
): Promise<void> {
  if (!isAgentFailure(error)) throw error;
  if (call.overrides.ignoresAgentErrors) {
    call.say(`Create ${kind.name} ignoring CRM failure: ${messageOf(error)}`);
    await moveTo(context, kind, key, TrackedState.READY, call, operation);
    call.say(`Created ${kind.name} successfully`);
    return;
  }
  call.say(kind.undoing);
  await undo(context, kind, key, TrackedState.NOT_PRESENT, call, operation);
  throw error;
}

/** The same after a delete; the undo of a delete makes the instance Ready again, with all it had. */
export async function settleDelete<T extends Instance, K>(
  context: ControllerContext,
  kind: Instances<T, K>,
  key: K,
  call: Call,
  operation: Operation,
  error: unknown,
): Promise<void> {
  if (!isAgentFailure(error)) throw error;
  if (call.overrides.ignoresAgentErrors) {
    call.say(`Delete ${kind.name} ignoring CRM failure: ${messageOf(error)}`);
    await moveTo(context, kind, key, TrackedState.NOT_PRESENT, call, operation);
    call.say(`Deleted ${kind.name} successfully`);
    return;
  }
  call.say(`Recreating ${kind.name} due to failure`);
  const done = await undo(context, kind, key, TrackedState.READY, call, operation);
  if (done && kind.name === 'AppInst') call.say('Created successfully');
  throw error;
}

/** As {@link moveTo}, for undoing: its own failure is logged, the caller gets the first one. */
async function undo<T extends Instance, K>(
  context: ControllerContext,
  kind: Instances<T, K>,
  key: K,
  to: TrackedState,
  call: Call,
  operation: Operation,
): Promise<boolean> {
  try {
    return await moveTo(context, kind, key, to, call, operation);
  } catch (error) {
    context.logger.error({ key: kind.type.keyJson(key), reason: messageOf(error) }, 'Undo failed');
    return false;
  }
}

/**
 * Makes the move, and ends the operation with it, if the operation is still this controller's and the table still allows it;
 * whoever changed the instance meanwhile has precedence. When an auto-cluster has to follow, the operation goes on.
 */
async function moveTo<T extends Instance, K>(
  context: ControllerContext,
  kind: Instances<T, K>,
  key: K,
  to: TrackedState,
  call: Call,
  operation: Operation,
): Promise<boolean> {
  const { value } = await context.db.commit(
    async (tx) => {
      if (!(await context.ownership.holds(tx, operation))) return false;
      const inst = await tx.get(kind.type, key);
      const from = inst?.state ?? TrackedState.NOT_PRESENT;
      if (!inst || !canStep({ kind: kind.name, from, actor: 'controller', to, overrides: call.overrides })) {
        return false;
      }
      if (to === TrackedState.NOT_PRESENT) await kind.drop(tx, inst);
      else tx.put(kind.type, { ...inst, state: to, errors: [] });
      const follows = operation.autoCluster && to === TrackedState.NOT_PRESENT;
      if (!follows) await context.ownership.end(tx, operation);
      return true;
    },
    turnOf(kind.type, key),
  );
  return value;
}
