import { fail } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import type { App, AppApiService } from '@edgeplane/proto/edgeproto/app.js';
import type { ServiceHandlers } from '@edgeplane/rpc';
import { storeErrors } from '@edgeplane/store';
import type { ControllerContext } from '../context.js';
import type { Tx } from '../db/tx.js';
import { checkApp } from '../deploy/app-checks.js';
import { fillInApp } from '../deploy/app-fill-in.js';
import type { Given } from '../deploy/app-manifest.js';
import { controllerErrors } from '../errors.js';
import { needsCluster } from '../names.js';
import { deleteApp } from '../operations/delete-app.js';
import { referDeveloper } from '../operations/owners.js';
import { applyUpdate, forCreate, mutation } from './handlers.js';
import { showCache } from './show.js';

const TYPE = OBJECTS.App;
/** Field ids. */
const MANIFEST = '16';
const GENERATOR = '17';
/** Each lost one is an update of the same App that somebody else got through. */
const MAX_ATTEMPTS = 64;

/** Apps (controller spec section 11). */
export function appApi(context: ControllerContext): ServiceHandlers<typeof AppApiService> {
  return {
    createApp: mutation(TYPE, (request) => create(context, request)),
    updateApp: mutation(TYPE, (request) => update(context, request)),
    deleteApp: mutation(TYPE, (request) => deleteApp(context, TYPE.key(request))),
    showApp: showCache(TYPE, context.caches.apps),
  };
}

async function create(context: ControllerContext, request: App): Promise<void> {
  const given = {
    manifest: request.deploymentManifest !== '',
    generator: request.deploymentGenerator !== '',
  };
  const app = await complete(context, forCreate(TYPE, request), given);
  await context.db.create(TYPE, app, async (tx) => {
    await referDeveloper(context, tx, app.key?.developerKey?.name ?? '');
    await requireFlavor(tx, app);
    await claimAndroidPackage(context, tx, app);
  });
}

/**
 * Changes an App. What may take long, fetches and generators, is done on a copy outside the transaction, which starts
 * over when the App was changed meanwhile. AppInsts are not touched.
 */
async function update(context: ControllerContext, request: App): Promise<void> {
  const key = TYPE.key(request);
  const mask = TYPE.mask(request.fields);
  const given = {
    manifest: mask.covers(MANIFEST) && request.deploymentManifest !== '',
    generator: mask.covers(GENERATOR) && request.deploymentGenerator !== '',
  };
  let stored = await read(context, key);
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const filled = await complete(context, applyUpdate(TYPE, stored, request), given);
    const before = TYPE.toStored(stored);
    const { value: changed } = await context.db.commit(async (tx) => {
      const now = await tx.get(TYPE, key);
      if (!now) throw fail(storeErrors.KEY_NOT_FOUND);
      if (TYPE.toStored(now) !== before) return now;
      await keepFooting(context, tx, now, filled);
      await requireFlavor(tx, filled);
      await claimAndroidPackage(context, tx, filled);
      tx.put(TYPE, filled);
      return undefined;
    });
    if (!changed) return;
    stored = changed;
  }
  throw fail(storeErrors.TXN_CONFLICT, { attempts: MAX_ATTEMPTS });
}

/** Instances in clusters are counted otherwise than virtual machines, so one must not become the other while it is there. */
async function keepFooting(context: ControllerContext, tx: Tx, now: App, wanted: App): Promise<void> {
  if (needsCluster(now.deployment) === needsCluster(wanted.deployment)) return;
  const key = TYPE.key(now);
  const guard = await tx.guard(TYPE, key);
  await context.sync.reached(guard?.revision ?? 0);
  const [user] = context.caches.appInsts.byIndex('app', TYPE.keyJson(key));
  if (!user) return;
  const { deployment: from } = now;
  throw fail(controllerErrors.APP_DEPLOYMENT_IN_USE, { from, to: wanted.deployment, user: user.key });
}

/** Checks an App, completes it, and checks what came of it; the same for new Apps and changed ones. */
async function complete(context: ControllerContext, app: App, given: Given): Promise<App> {
  const { fetcher, imageRegistry } = context;
  const filled = await fillInApp(checkApp(app), given, { fetcher, imageRegistry });
  refuseAndroidConflict(context, filled);
  return filled;
}

async function read({ db }: ControllerContext, key: Parameters<typeof TYPE.keyJson>[0]): Promise<App> {
  const { value } = await db.commit((tx) => tx.get(TYPE, key));
  if (!value) throw fail(storeErrors.KEY_NOT_FOUND);
  return value;
}

async function requireFlavor(tx: Tx, app: App): Promise<void> {
  const flavor = app.defaultFlavor ?? { name: '' };
  if (flavor.name === '' || !(await tx.refer(OBJECTS.Flavor, flavor))) {
    throw fail(controllerErrors.APP_FLAVOR_MISSING);
  }
}

/** Of two Apps that want a package at the same time, on whatever controllers, the later one sees the earlier. */
async function claimAndroidPackage(context: ControllerContext, tx: Tx, app: App): Promise<void> {
  if (app.androidPackageName === '') return;
  await context.sync.reached(await tx.claim('android', app.androidPackageName));
  refuseAndroidConflict(context, app);
}

/** A package belongs to one App; its versions share it. */
function refuseAndroidConflict({ caches }: ControllerContext, app: App): void {
  if (app.androidPackageName === '') return;
  const owner = (a: App) => JSON.stringify([a.key?.developerKey?.name, a.key?.name]);
  const others = caches.apps.byIndex('android', app.androidPackageName);
  if (others.some(({ value }) => owner(value) !== owner(app))) {
    throw fail(controllerErrors.APP_ANDROID_PACKAGE, { name: app.androidPackageName });
  }
}
