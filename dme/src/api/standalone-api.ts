import { OBJECTS } from '@edgeplane/objects';
import type { AppApiService } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst, AppInstApiService } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { Result } from '@edgeplane/proto/edgeproto/result.js';
import { type ServiceHandlers, serverStream, unary } from '@edgeplane/rpc';
import type { AppTable } from '../tables.js';

const DONE: Result = { message: '', code: 0 };

/** `edgeproto.AppApi` upon the table itself (match engine spec section 1.4): nothing is checked, and filters are ignored. */
export function standaloneAppApi(table: AppTable): ServiceHandlers<typeof AppApiService> {
  const put: ServiceHandlers<typeof AppApiService>['createApp'] = unary(async (app) => {
    table.putApp(OBJECTS.App.normalize(app));
    return DONE;
  });
  return {
    createApp: put,
    updateApp: put,
    deleteApp: unary(async (app) => {
      table.deleteApp(OBJECTS.App.keyJsonOf(OBJECTS.App.normalize(app)));
      return DONE;
    }),
    showApp: serverStream(async (_filter, send) => {
      for (const { key, authPublicKey, androidPackageName } of table.apps())
        await send({ ...OBJECTS.App.withKey(key), authPublicKey, androidPackageName });
    }),
  };
}

/** The same of `edgeproto.AppInstApi`; what changes something answers with an empty stream. */
export function standaloneAppInstApi(table: AppTable): ServiceHandlers<typeof AppInstApiService> {
  const put: ServiceHandlers<typeof AppInstApiService>['createAppInst'] = serverStream(async (inst) =>
    table.putInst(OBJECTS.AppInst.normalize(inst)),
  );
  return {
    createAppInst: put,
    updateAppInst: put,
    deleteAppInst: serverStream(async (inst) =>
      table.deleteInst(OBJECTS.AppInst.keyJsonOf(OBJECTS.AppInst.normalize(inst))),
    ),
    showAppInst: serverStream(async (_filter, send) => {
      for (const inst of instancesOf(table)) await send(inst);
    }),
  };
}

function* instancesOf(table: AppTable): Generator<AppInst> {
  for (const app of table.apps())
    for (const carrier of app.carriers())
      for (const { name, uri, location } of app.candidates(carrier))
        yield { ...OBJECTS.AppInst.withKey(OBJECTS.AppInst.parseKeyJson(name)), uri, cloudletLoc: location };
}
