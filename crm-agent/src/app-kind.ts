import type { Logger } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import type { App } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst, AppInstInfo } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { ClusterInst } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { needsCluster } from './cluster-kind.js';
import type { Driver } from './drivers/driver.js';
import type { DesiredTables } from './tables.js';
import { texts } from './texts.js';
import type { InstanceKind } from './workers.js';

/**
 * AppInsts as the workers treat them (spec section 10.3). An instance whose App has not arrived waits for it, where the
 * reference drops it: the two come in one go, but an App that failed to decode once must not be the end of it.
 */
export function appKind(
  tables: DesiredTables,
  driver: Driver,
  logger: Logger,
): InstanceKind<AppInst, AppInstInfo> {
  const appOf = (appInst: AppInst): App | undefined =>
    tables.apps.get(OBJECTS.App.keyJson(appInst.key?.appKey ?? OBJECTS.App.key(OBJECTS.App.empty())));
  /** The ClusterInst, or why there has to be one. */
  const clusterOf = (appInst: AppInst, app: App): { cluster?: ClusterInst } | { refuse: string } => {
    if (!needsCluster(app.deployment)) return {};
    const key = appInst.key?.clusterInstKey ?? OBJECTS.ClusterInst.key(OBJECTS.ClusterInst.empty());
    const cluster = tables.clusterInsts.get(OBJECTS.ClusterInst.keyJson(key));
    return cluster ? { cluster } : { refuse: texts.clusterNotFound(key.clusterKey?.name ?? '') };
  };
  return {
    name: 'AppInst',
    updates: false,
    desired: (keyJson) => tables.appInsts.get(keyJson),
    stateOf: (appInst) => appInst.state,
    blocked: (_keyJson, appInst) => (appOf(appInst) ? undefined : 'its App has not arrived'),
    planCreate(keyJson, appInst) {
      const app = appOf(appInst);
      if (!app) return { wait: 'its App is gone' };
      const flavorName = appInst.flavor?.name ?? '';
      const flavor = tables.flavors.get(OBJECTS.Flavor.keyJson({ name: flavorName }));
      if (!flavor) return { refuse: texts.flavorNotFound(flavorName) };
      const found = clusterOf(appInst, app);
      if ('refuse' in found) return found;
      const request = { keyJson, app, appInst, clusterInst: found.cluster, flavor };
      return { run: (operation) => driver.createAppInst(request, operation) };
    },
    planUpdate: () => ({ wait: 'instances of Apps cannot be updated' }),
    planDelete(keyJson, appInst) {
      const app = appOf(appInst);
      if (!app) return { wait: 'its App is gone' };
      const found = clusterOf(appInst, app);
      if ('refuse' in found) return found;
      return { run: (operation) => driver.deleteAppInst(keyJson, operation) };
    },
    async describe(keyJson, signal) {
      try {
        const runtimeInfo = await driver.appInstRuntime(keyJson, signal);
        return (info) => ({ ...info, runtimeInfo });
      } catch (error) {
        signal.throwIfAborted();
        // READY without it is what the controller expects then.
        logger.warn({ err: error, key: keyJson }, 'cannot find out what runs');
        return (info) => info;
      }
    },
    cleanUp: (keyJson, operation) => driver.deleteAppInst(keyJson, operation),
    failure: (verb, error) =>
      verb === 'delete' ? texts.appDeleteFailed(error) : texts.appCreateFailed(error),
  };
}
