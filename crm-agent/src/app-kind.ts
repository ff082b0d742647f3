import { type Logger, messageOf } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import type { App } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst, AppInstInfo } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { ClusterInst } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { needsCluster } from './cluster-kind.js';
import type { AppInstRequest, Driver, Operation } from './drivers/driver.js';
import type { RoomToRemove } from './reserve.js';
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
  room: RoomToRemove,
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
  /** What the driver is asked for, or why it cannot be now. */
  const requestOf = (
    keyJson: string,
    appInst: AppInst,
  ): AppInstRequest | { wait: string } | { refuse: string } => {
    const app = appOf(appInst);
    if (!app) return { wait: 'its App is gone' };
    const flavorName = appInst.flavor?.name ?? '';
    const flavor = tables.flavors.get(OBJECTS.Flavor.keyJson({ name: flavorName }));
    if (!flavor) return { refuse: texts.flavorNotFound(flavorName) };
    const found = clusterOf(appInst, app);
    if ('refuse' in found) return found;
    const configured = { ...app, configs: [...app.configs, ...appInst.configs] };
    return { keyJson, app: configured, appInst, clusterInst: found.cluster, flavor };
  };
  /** After a failure the instance is brought back to what it was. */
  const update = async (
    request: AppInstRequest,
    before: AppInstRequest | undefined,
    operation: Operation,
  ): Promise<void> => {
    try {
      await driver.updateAppInst(request, operation);
    } catch (error) {
      operation.signal.throwIfAborted();
      if (before) {
        operation.progress('going back to what it was');
        await driver.createAppInst(before, operation).catch((cause: unknown) => {
          throw new Error(texts.appNotRestored(messageOf(error), messageOf(cause)));
        });
      }
      throw error;
    }
  };
  const remove = (keyJson: string, operation: Operation) =>
    room.spend(() => driver.deleteAppInst(keyJson, operation));
  return {
    name: 'AppInst',
    get updates() {
      return driver.capabilities.appUpdate;
    },
    keys: () => tables.appInsts.keys(),
    desired: (keyJson) => tables.appInsts.get(keyJson),
    stateOf: (appInst) => appInst.state,
    blocked: (_keyJson, appInst) => (appOf(appInst) ? undefined : 'its App has not arrived'),
    planCreate(keyJson, appInst) {
      const request = requestOf(keyJson, appInst);
      if (!('appInst' in request)) return request;
      return { run: (operation) => driver.createAppInst(request, operation) };
    },
    planUpdate(keyJson, appInst) {
      const request = requestOf(keyJson, appInst);
      if (!('appInst' in request)) return request;
      const before = requestOf(keyJson, { ...appInst, ...appInst.previous });
      return { run: (operation) => update(request, 'appInst' in before ? before : undefined, operation) };
    },
    planDelete(keyJson, appInst) {
      const app = appOf(appInst);
      if (!app) return { wait: 'its App is gone' };
      const found = clusterOf(appInst, app);
      if ('refuse' in found) return found;
      return { run: (operation) => remove(keyJson, operation) };
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
    cleanUp: remove,
    failure(verb, error) {
      switch (verb) {
        case 'create':
          return texts.appCreateFailed(error);
        case 'update':
          return texts.appUpdateFailed(error);
        case 'delete':
          return texts.appDeleteFailed(error);
      }
    },
  };
}
