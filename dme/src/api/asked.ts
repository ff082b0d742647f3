import { fail } from '@edgeplane/base';
import type { FindCloudletRequest } from '@edgeplane/proto/dme/app-client.js';
import type { AppKey } from '@edgeplane/proto/edgeproto/app.js';
import { dmeErrors } from '../errors.js';
import type { Place } from '../geo.js';
import { isPlatformApp } from '../reserved.js';
import type { AppEntry, AppTable } from '../tables.js';
import { clientPlace } from './gps.js';

/** What a client looks for. */
export interface Asked {
  readonly app: AppKey;
  readonly place: Place;
  /** Of the App; undefined when there is none, or none to be found. */
  readonly entry: AppEntry | undefined;
}

/**
 * Checks a request (match engine spec section 4.2). `own` is the App of its session.
 * @throws EdgeplaneError NO_CARRIER, NO_GPS_LOCATION, BAD_GPS_LOCATION, APP_NOT_PERMITTED
 */
export function asked(table: AppTable, request: FindCloudletRequest, own: AppKey): Asked {
  if (request.carrierName === '') throw fail(dmeErrors.NO_CARRIER);
  const place = clientPlace(request.gpsLocation, dmeErrors.NO_GPS_LOCATION);
  const app = askedApp(table, request, own);
  // A platform app asks for others; it has nothing to be found itself.
  return { app, place, entry: isPlatformApp(app) ? undefined : table.app(app) };
}

/**
 * The App that is looked for: the session's own, or another one that the request names and the session may ask for.
 * @throws EdgeplaneError APP_NOT_PERMITTED.
 */
function askedApp(table: AppTable, request: FindCloudletRequest, own: AppKey): AppKey {
  const { devName, appName, appVers } = request;
  if (devName === '' && appName === '' && appVers === '') return own;
  const app: AppKey = { developerKey: { name: devName }, name: appName, version: appVers };
  const ownDev = own.developerKey?.name ?? '';
  if (devName === ownDev && appName === own.name && appVers === own.version) return own;
  if (isPlatformApp(own) && table.app(app)?.permitsPlatformApps) return app;
  throw fail(dmeErrors.APP_NOT_PERMITTED, {
    dev: devName,
    app: appName,
    vers: appVers,
    ownDev,
    ownApp: own.name,
    ownVers: own.version,
  });
}
