import { fail } from '@edgeplane/base';
import { OBJECTS, validateFlavorKey } from '@edgeplane/objects';
import type { Flavor, FlavorApiService } from '@edgeplane/proto/edgeproto/flavor.js';
import type { ServiceHandlers } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import { controllerErrors } from '../errors.js';
import { deleteAutoDeleteApps, isAutoDelete } from '../operations/delete-app.js';
import { applyUpdate, forCreate, mutation } from './handlers.js';
import { showCache } from './show.js';

const TYPE = OBJECTS.Flavor;

/** Flavors (controller spec section 10.3). */
export function flavorApi(context: ControllerContext): ServiceHandlers<typeof FlavorApiService> {
  return {
    createFlavor: mutation(TYPE, (request) => create(context, request)),
    updateFlavor: mutation(TYPE, (request) => update(context, request)),
    deleteFlavor: mutation(TYPE, (request) => remove(context, request)),
    showFlavor: showCache(TYPE, context.caches.flavors),
  };
}

async function create({ db }: ControllerContext, request: Flavor): Promise<void> {
  validateFlavorKey(request.key);
  checkSizes(request);
  await db.create(TYPE, forCreate(TYPE, request));
}

function checkSizes({ ram, vcpus, disk }: Flavor): void {
  if (ram === 0n) throw fail(controllerErrors.FLAVOR_RAM_ZERO);
  if (vcpus === 0n) throw fail(controllerErrors.FLAVOR_VCPUS_ZERO);
  if (disk === 0n) throw fail(controllerErrors.FLAVOR_DISK_ZERO);
}

/** What instances have been made with keeps its size: refs and sites count with it. */
async function update({ db, caches }: ControllerContext, request: Flavor): Promise<void> {
  validateFlavorKey(request.key);
  const keyJson = TYPE.keyJson(TYPE.key(request));
  const refuse = () => {
    const { clusterInsts, appInsts, clusters, apps } = caches;
    for (const [kind, cache] of Object.entries({
      ...{ ClusterInst: clusterInsts, AppInst: appInsts, Cluster: clusters, App: apps },
    })) {
      const [user] = cache.byIndex('flavor', keyJson);
      if (user) throw fail(controllerErrors.FLAVOR_UPDATE_IN_USE, { kind, user: user.key });
    }
  };
  await db.updateUnused(TYPE, TYPE.key(request), refuse, (stored) => {
    const changed = applyUpdate(TYPE, stored, request);
    checkSizes(changed);
    return changed;
  });
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
