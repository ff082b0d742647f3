import { fail } from '@edgeplane/base';
import { OBJECTS, validateDeveloperKey } from '@edgeplane/objects';
import type { App } from '@edgeplane/proto/edgeproto/app.js';
import type { ClusterInst } from '@edgeplane/proto/edgeproto/clusterinst.js';
import type { Developer, DeveloperApiService } from '@edgeplane/proto/edgeproto/developer.js';
import type { ServiceHandlers } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import { controllerErrors } from '../errors.js';
import { deleteAutoDeleteApps, isAutoDelete } from '../operations/delete-app.js';
import { applyUpdate, forCreate, mutation } from './handlers.js';
import { showCache } from './show.js';

const TYPE = OBJECTS.Developer;

/** Developers (controller spec section 10.1). */
export function developerApi(context: ControllerContext): ServiceHandlers<typeof DeveloperApiService> {
  return {
    createDeveloper: mutation(TYPE, (request) => create(context, request)),
    updateDeveloper: mutation(TYPE, (request) => update(context, request)),
    deleteDeveloper: mutation(TYPE, (request) => remove(context, request)),
    showDeveloper: showCache(TYPE, context.caches.developers),
  };
}

async function create({ db }: ControllerContext, request: Developer): Promise<void> {
  validateDeveloperKey(request.key);
  await db.create(TYPE, forCreate(TYPE, request));
}

async function update({ db }: ControllerContext, request: Developer): Promise<void> {
  validateDeveloperKey(request.key);
  await db.update(TYPE, TYPE.key(request), (stored) => applyUpdate(TYPE, stored, request));
}

/**
 * Apps that go with their developer go first, and whatever they are deployed on by themselves; what a user has made keeps
 * the developer. The last look, in the transaction, counts everything that still names it.
 */
async function remove(context: ControllerContext, request: Developer): Promise<void> {
  const key = TYPE.key(request);
  const keyJson = TYPE.keyJson(key);
  const { apps, clusterInsts, appInsts } = context.caches;
  const own = () => apps.byIndex('developer', keyJson).map(({ value }) => value);
  const refuse = (goes: { app(app: App): boolean; cluster(inst: ClusterInst): boolean }) => {
    if (!own().every(goes.app)) throw fail(controllerErrors.DEVELOPER_IN_USE);
    const cluster = clusterInsts.byIndex('developer', keyJson).find(({ value }) => !goes.cluster(value));
    if (cluster) {
      throw fail(controllerErrors.DEVELOPER_IN_USE_BY_CLUSTER_INST, { user: cluster.key });
    }
  };
  refuse({ app: isAutoDelete, cluster: ({ auto }) => auto });
  await deleteAutoDeleteApps(context, own());
  validateDeveloperKey(key);
  await context.db.deleteUnused(TYPE, key, () => {
    const [inst] = appInsts.byIndex('developer', keyJson);
    if (inst) throw fail(controllerErrors.DEVELOPER_IN_USE_BY_APP_INST, { user: inst.key });
    refuse({ app: () => false, cluster: () => false });
  });
}
