import { OBJECTS } from '@edgeplane/objects';
import type { AppInstKey } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { ControllerContext } from '../context.js';
import type { Tx } from '../db/tx.js';
import type { Operation } from '../ownership/operation.js';
import type { Call } from './call.js';

/**
 * Does the work of an operation that was begun. Whatever becomes of the work, the operation does not stay behind: what it has
 * not ended goes on in the background, and when the controller stops, with its successor.
 */
export async function owned<T>(
  context: ControllerContext,
  operation: Operation,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await context.ownership.workOn(operation, work);
  } finally {
    if (!context.stopping.aborted && context.ownership.isOurs(operation)) context.resume(operation);
  }
}

/** Part of the transaction that stores a new AppInst, or the auto-cluster that is made for it. */
export function beginCreate(
  { ownership, timeouts }: ControllerContext,
  tx: Tx,
  key: AppInstKey,
  call: Call,
  autoCluster: boolean,
): Operation {
  return ownership.begin(tx, {
    instance: 'AppInst',
    key: OBJECTS.AppInst.keyJson(key),
    work: 'create',
    timeoutMs: timeouts.create,
    ignoresAgentErrors: call.overrides.ignoresAgentErrors,
    autoCluster,
  });
}
