import { OBJECTS, validateEnums } from '@edgeplane/objects';
import type { ClusterInst, ClusterInstApiService } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { Liveness } from '@edgeplane/proto/edgeproto/common.js';
import type { ServiceHandlers } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import { newCall, type Say } from '../operations/call.js';
import { createClusterInst } from '../operations/create-cluster-inst.js';
import { deleteClusterInst } from '../operations/delete-cluster-inst.js';
import { updateClusterInst } from '../operations/update-cluster-inst.js';
import { forCreate, streamedMutation } from './handlers.js';
import { showCache } from './show.js';

const TYPE = OBJECTS.ClusterInst;

/** ClusterInsts (controller spec section 13). */
export function clusterInstApi(context: ControllerContext): ServiceHandlers<typeof ClusterInstApiService> {
  return {
    createClusterInst: streamedMutation(TYPE, (request, say) => create(context, request, say)),
    updateClusterInst: streamedMutation(TYPE, (request, say) => update(context, request, say)),
    deleteClusterInst: streamedMutation(TYPE, (request, say) => remove(context, request, say)),
    showClusterInst: showCache(TYPE, context.caches.clusterInsts),
  };
}

async function create(context: ControllerContext, request: ClusterInst, say: Say): Promise<void> {
  const checked = forCreate(TYPE, request);
  const call = newCall(request.crmOverride, say);
  await createClusterInst(context, { ...checked, liveness: Liveness.LIVENESS_STATIC, auto: false }, call);
}

async function update(context: ControllerContext, request: ClusterInst, say: Say): Promise<void> {
  validateEnums(TYPE.schema, request);
  await updateClusterInst(context, request, newCall(request.crmOverride, say));
}

async function remove(context: ControllerContext, request: ClusterInst, say: Say): Promise<void> {
  await deleteClusterInst(context, TYPE.key(request), newCall(request.crmOverride, say));
}
