import { OBJECTS, validateEnums } from '@edgeplane/objects';
import type { AppInst, AppInstApiService } from '@edgeplane/proto/edgeproto/app_inst.js';
import { Liveness } from '@edgeplane/proto/edgeproto/common.js';
import type { ServiceHandlers } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import { newCall, type Say } from '../operations/call.js';
import { createAppInst } from '../operations/create-app-inst.js';
import { deleteAppInst } from '../operations/delete-app-inst.js';
import { updateAppInst } from '../operations/update-app-inst.js';
import { forCreate, streamedMutation } from './handlers.js';
import { showCache } from './show.js';

const TYPE = OBJECTS.AppInst;

/** AppInsts (controller spec section 14). */
export function appInstApi(context: ControllerContext): ServiceHandlers<typeof AppInstApiService> {
  return {
    createAppInst: streamedMutation(TYPE, (request, say) => create(context, request, say)),
    updateAppInst: streamedMutation(TYPE, (request, say) => update(context, request, say)),
    deleteAppInst: streamedMutation(TYPE, (request, say) => remove(context, request, say)),
    showAppInst: showCache(TYPE, context.caches.appInsts),
  };
}

async function create(context: ControllerContext, request: AppInst, say: Say): Promise<void> {
  const checked = forCreate(TYPE, request);
  const call = newCall(request.crmOverride, say);
  await createAppInst(context, { ...checked, liveness: Liveness.LIVENESS_STATIC }, call);
}

async function update(context: ControllerContext, request: AppInst, say: Say): Promise<void> {
  validateEnums(TYPE.schema, request);
  await updateAppInst(context, request, newCall(request.crmOverride, say));
}

async function remove(context: ControllerContext, request: AppInst, say: Say): Promise<void> {
  await deleteAppInst(context, TYPE.key(request), newCall(request.crmOverride, say));
}
