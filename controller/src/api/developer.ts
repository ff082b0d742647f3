import { fail } from '@edgeplane/base';
import { OBJECTS, validateDeveloperKey } from '@edgeplane/objects';
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

async function remove(context: ControllerContext, request: Developer): Promise<void> {
  const key = TYPE.key(request);
  const apps = () => context.caches.apps.byIndex('developer', TYPE.keyJson(key)).map(({ value }) => value);
  const refuse = () => {
    if (!apps().every(isAutoDelete)) throw fail(controllerErrors.DEVELOPER_IN_USE);
  };
  refuse();
  await deleteAutoDeleteApps(context, apps());
  validateDeveloperKey(key);
  await context.db.deleteUnused(TYPE, key, refuse);
}
