import { fail, messageOf } from '@edgeplane/base';
import { NO_OVERRIDES } from '@edgeplane/lifecycle';
import { OBJECTS } from '@edgeplane/objects';
import type { App, AppKey } from '@edgeplane/proto/edgeproto/app.js';
import { DeleteType } from '@edgeplane/proto/edgeproto/app.js';
import { Liveness } from '@edgeplane/proto/edgeproto/common.js';
import type { ControllerContext } from '../context.js';
import { controllerErrors } from '../errors.js';
import { silent } from './call.js';
import { deleteAppInst } from './delete-app-inst.js';

/**
 * Deletes an App that no user has running; instances the system made go first (controller spec section 11.6).
 * @throws EdgeplaneError KEY_NOT_FOUND, APP_IN_USE, APP_INSTANCE_DELETE_FAILED
 */
export async function deleteApp(context: ControllerContext, key: AppKey): Promise<void> {
  const keyJson = OBJECTS.App.keyJson(key);
  const { appInsts } = context.caches;
  const instances = () => appInsts.byIndex('app', keyJson).map(({ value }) => value);
  const refuse = () => {
    if (instances().some((inst) => inst.liveness === Liveness.LIVENESS_STATIC)) {
      throw fail(controllerErrors.APP_IN_USE);
    }
  };
  refuse();
  for (const inst of instances()) {
    try {
      await deleteAppInst(context, OBJECTS.AppInst.key(inst), { overrides: NO_OVERRIDES, say: silent });
    } catch (error) {
      const params = { app: key.name, error: messageOf(error) };
      throw fail(controllerErrors.APP_INSTANCE_DELETE_FAILED, params, { cause: error });
    }
  }
  await context.db.deleteUnused(OBJECTS.App, key, () => {
    if (instances().length > 0) throw fail(controllerErrors.APP_IN_USE);
  });
}

export function isAutoDelete(app: App): boolean {
  return app.delOpt === DeleteType.AUTO_DELETE;
}

/** Deletes Apps that go with something else; what cannot be deleted stays, and the log says why. */
export async function deleteAutoDeleteApps(context: ControllerContext, apps: readonly App[]): Promise<void> {
  for (const app of apps.filter(isAutoDelete)) {
    const key = OBJECTS.App.key(app);
    try {
      await deleteApp(context, key);
    } catch (error) {
      context.logger.warn({ key: OBJECTS.App.keyJson(key), reason: messageOf(error) }, 'App not deleted');
    }
  }
}
