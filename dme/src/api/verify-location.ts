import { fail } from '@edgeplane/base';
import {
  type VerifyLocationReply,
  VerifyLocationReply_TowerStatus,
  type VerifyLocationRequest,
} from '@edgeplane/proto/dme/app-client.js';
import type { AppKey } from '@edgeplane/proto/edgeproto/app.js';
import type { RpcContext } from '@edgeplane/rpc';
import { dmeErrors } from '../errors.js';
import { distanceCode, type Verdict, verdictOf } from '../location/verdict.js';
import { appText, type Engine } from './engine.js';
import { clientPlace } from './gps.js';

/**
 * Checks a claimed position (match engine spec section 4.3): with the carrier's location API if the configuration says so,
 * else against the places of the carrier's instances.
 */
export async function verifyLocation(
  { table, locationApi }: Engine,
  request: VerifyLocationRequest,
  app: AppKey,
  { signal }: Pick<RpcContext, 'signal'>,
): Promise<VerifyLocationReply> {
  const place = clientPlace(request.gpsLocation, dmeErrors.NO_GPS_LOCATION_TO_CHECK);
  const entry = table.app(app);
  if (!entry) throw fail(dmeErrors.APP_KEY_NOT_FOUND, { app: appText(app) });
  if (locationApi) {
    if (request.verifyLocToken === '') throw fail(dmeErrors.NO_VERIFY_TOKEN);
    return replyOf(await locationApi.verify(place, request.verifyLocToken, signal));
  }
  if (!entry.hasCarrier(request.carrierName))
    throw fail(dmeErrors.CARRIER_NOT_FOUND, { carrier: request.carrierName });
  const distance = entry.nearest(request.carrierName, place)?.distance;
  return replyOf(verdictOf(distanceCode(distance)));
}

function replyOf({ status, km }: Verdict): VerifyLocationReply {
  return {
    ver: 0,
    towerStatus: VerifyLocationReply_TowerStatus.TOWER_UNKNOWN,
    gpsLocationStatus: status,
    gpsLocationAccuracyKm: km,
  };
}
