import { fail } from '@edgeplane/base';
import {
  type FindCloudletReply,
  FindCloudletReply_FindStatus,
  type FindCloudletRequest,
} from '@edgeplane/proto/dme/app-client.js';
import type { AppKey } from '@edgeplane/proto/edgeproto/app.js';
import { dmeErrors } from '../errors.js';
import { findInstance } from '../matcher.js';
import { EMPTY_LOC } from '../place.js';
import { isPlatformApp } from '../reserved.js';
import type { AppTable } from '../tables.js';
import { EncodedReply } from './encoded-reply.js';
import { clientPlace } from './gps.js';

/** Names the instance a client is sent to (match engine spec section 4.2). `own` is the App of its session. */
export function findCloudlet(table: AppTable, request: FindCloudletRequest, own: AppKey): FindCloudletReply {
  if (request.carrierName === '') throw fail(dmeErrors.NO_CARRIER);
  const place = clientPlace(request.gpsLocation, dmeErrors.NO_GPS_LOCATION);
  const key = askedApp(table, request, own);
  // A platform app asks for others; it has nothing to be found itself.
  const entry = isPlatformApp(key) ? undefined : table.app(key);
  const match = entry && findInstance(entry, request.carrierName, place);
  if (!match) {
    return {
      ver: 0,
      status: FindCloudletReply_FindStatus.FIND_NOTFOUND,
      fqdn: '',
      ports: [],
      cloudletLocation: EMPTY_LOC,
    };
  }
  return new EncodedReply(match.instance.encodedReply());
}

/**
 * The App that is looked for: the session's own, or another one that the request names and the session may ask for.
 * @throws EdgeplaneError APP_NOT_PERMITTED.
 */
function askedApp(table: AppTable, request: FindCloudletRequest, own: AppKey): AppKey {
  const { devName, appName, appVers } = request;
  if (devName === '' && appName === '' && appVers === '') return own;
  const asked: AppKey = { developerKey: { name: devName }, name: appName, version: appVers };
  const ownDev = own.developerKey?.name ?? '';
  if (devName === ownDev && appName === own.name && appVers === own.version) return own;
  if (isPlatformApp(own) && table.app(asked)?.permitsPlatformApps) return asked;
  throw fail(dmeErrors.APP_NOT_PERMITTED, {
    dev: devName,
    app: appName,
    vers: appVers,
    ownDev,
    ownApp: own.name,
    ownVers: own.version,
  });
}
