import { fail } from '@edgeplane/base';
import { OBJECTS, validateClusterKey } from '@edgeplane/objects';
import type { Cluster, ClusterApiService } from '@edgeplane/proto/edgeproto/cluster.js';
import type { ServiceHandlers } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import { controllerErrors } from '../errors.js';
import { isAutoClusterName } from '../names.js';
import { applyUpdate, forCreate, mutation } from './handlers.js';
import { showCache } from './show.js';

const TYPE = OBJECTS.Cluster;

/** Clusters: default flavors by cluster name (controller spec section 12). */
export function clusterApi(context: ControllerContext): ServiceHandlers<typeof ClusterApiService> {
  return {
    createCluster: mutation(TYPE, (request) => create(context, request)),
    updateCluster: mutation(TYPE, (request) => update(context, request)),
    deleteCluster: mutation(TYPE, (request) => remove(context, request)),
    showCluster: showCache(TYPE, context.caches.clusters),
  };
}

async function create({ db }: ControllerContext, request: Cluster): Promise<void> {
  if (isAutoClusterName(request.key?.name ?? '')) throw fail(controllerErrors.CLUSTER_NAME_RESERVED);
  const cluster = { ...forCreate(TYPE, request), auto: false };
  const flavor = request.defaultFlavor?.name ?? '';
  await db.create(TYPE, cluster, async (tx) => {
    if (flavor !== '' && !(await tx.refer(OBJECTS.Flavor, { name: flavor }))) {
      throw fail(controllerErrors.CLUSTER_FLAVOR_MISSING, { flavor });
    }
    validateClusterKey(request.key);
  });
}

/** The settings of ClusterInsts that exist do not change under them. */
async function update({ db, caches }: ControllerContext, request: Cluster): Promise<void> {
  validateClusterKey(request.key);
  const key = TYPE.key(request);
  const refuse = () => {
    const [user] = caches.clusterInsts.byIndex('cluster', TYPE.keyJson(key));
    if (user) throw fail(controllerErrors.CLUSTER_UPDATE_IN_USE, { user: user.key });
  };
  await db.updateUnused(TYPE, key, refuse, async (stored, tx) => {
    const changed = { ...applyUpdate(TYPE, stored, request), auto: stored.auto };
    const flavor = changed.defaultFlavor?.name ?? '';
    if (flavor !== '' && !(await tx.refer(OBJECTS.Flavor, { name: flavor }))) {
      throw fail(controllerErrors.CLUSTER_FLAVOR_MISSING, { flavor });
    }
    return changed;
  });
}

async function remove({ db, caches }: ControllerContext, request: Cluster): Promise<void> {
  const key = TYPE.key(request);
  const refuse = () => {
    if (caches.clusterInsts.byIndex('cluster', TYPE.keyJson(key)).length > 0) {
      throw fail(controllerErrors.CLUSTER_IN_USE);
    }
  };
  refuse();
  validateClusterKey(key);
  await db.deleteUnused(TYPE, key, refuse);
}
