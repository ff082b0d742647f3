import { fail } from '@edgeplane/base';
import { OBJECTS, validateFlavorKey } from '@edgeplane/objects';
import type { Flavor, FlavorApiService } from '@edgeplane/proto/edgeproto/flavor.js';
import type { ServiceHandlers } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import { controllerErrors } from '../errors.js';
import { deleteAutoDeleteApps, isAutoDelete } from '../operations/delete-app.js';
import { forCreate, mutation } from './handlers.js';
import { showCache } from './show.js';

const TYPE = OBJECTS.Flavor;

/** Flavors (controller spec section 10.3). */
export function flavorApi(context: ControllerContext): ServiceHandlers<typeof FlavorApiService> {
  return {
    createFlavor: mutation(TYPE, (request) => create(context, request)),
    updateFlavor: mutation(TYPE, async () => {
      throw fail(controllerErrors.FLAVOR_UPDATE);
    }),
    deleteFlavor: mutation(TYPE, (request) => remove(context, request)),
    showFlavor: showCache(TYPE, context.caches.flavors),
  };
}

async function create({ db }: ControllerContext, request: Flavor): Promise<void> {
  validateFlavorKey(request.key);
  if (request.ram === 0n) throw fail(controllerErrors.FLAVOR_RAM_ZERO);
  if (request.vcpus === 0n) throw fail(controllerErrors.FLAVOR_VCPUS_ZERO);
  if (request.disk === 0n) throw fail(controllerErrors.FLAVOR_DISK_ZERO);
  await db.create(TYPE, forCreate(TYPE, request));
}

async function remove(context: ControllerContext, request: Flavor): Promise<void> {
  const { apps, appInsts, clusterInsts, clusters } = context.caches;
  const key = TYPE.key(request);
  const keyJson = TYPE.keyJson(key);
  const usingApps = () => apps.byIndex('flavor', keyJson).map(({ value }) => value);
  const refuse = () => {
    const used = (cache: typeof clusterInsts | typeof clusters | typeof appInsts) =>
      cache.byIndex('flavor', keyJson).length > 0;
    if (used(clusterInsts) || used(clusters)) throw fail(controllerErrors.FLAVOR_IN_USE_BY_CLUSTER);
    if (!usingApps().every(isAutoDelete)) throw fail(controllerErrors.FLAVOR_IN_USE_BY_APP);
    if (used(appInsts)) throw fail(controllerErrors.FLAVOR_IN_USE_BY_APP_INST);
  };
  refuse();
  validateFlavorKey(key);
  await context.db.deleteUnused(TYPE, key, refuse);
  await deleteAutoDeleteApps(context, usingApps());
}
