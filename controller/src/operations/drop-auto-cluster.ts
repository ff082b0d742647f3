import { isKind, messageOf } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import type { ClusterInstKey } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { storeErrors } from '@edgeplane/store';
import type { ControllerContext } from '../context.js';
import { controllerErrors } from '../errors.js';
import type { Call } from './call.js';
import { deleteClusterInst } from './delete-cluster-inst.js';

const REFUSED = [
  controllerErrors.AGENT_FAILED,
  controllerErrors.CLUSTER_INST_AUTO_DELETE,
  controllerErrors.CLUSTER_INST_BUSY,
];

/**
 * Deletes an auto-cluster that nothing needs any more. What goes wrong is logged. True when that is settled: it is gone,
 * somebody needs it after all or deletes it, or its agent has refused. False when it could not be brought to an end now, for
 * want of an agent or a store.
 */
export async function dropAutoCluster(
  context: ControllerContext,
  key: ClusterInstKey,
  call: Call,
): Promise<boolean> {
  try {
    await upToDate(context);
    await deleteClusterInst(context, key, call);
    return true;
  } catch (error) {
    if (isKind(error, storeErrors.KEY_NOT_FOUND) || isKind(error, controllerErrors.CLUSTER_INST_IN_USE))
      return true;
    const facts = { key: OBJECTS.ClusterInst.keyJson(key), reason: messageOf(error) };
    context.logger.error(facts, 'Deleting an auto-cluster failed');
    return REFUSED.some((kind) => isKind(error, kind));
  }
}

/**
 * Waits until the caches have what the store has. An AppInst may be gone without our knowing, when the answer to its end was
 * lost. @throws as the store
 */
export async function upToDate({ sync, stopping }: ControllerContext): Promise<void> {
  await sync.reached(await sync.storedRevision(), stopping);
}
