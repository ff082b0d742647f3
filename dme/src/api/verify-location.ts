import { fail } from '@edgeplane/base';
import {
  VerifyLocationReply_GPSLocationStatus as GpsStatus,
  type VerifyLocationReply,
  VerifyLocationReply_TowerStatus,
  type VerifyLocationRequest,
} from '@edgeplane/proto/dme/app-client.js';
import type { AppKey } from '@edgeplane/proto/edgeproto/app.js';
import { dmeErrors } from '../errors.js';
import { appText, type Engine } from './engine.js';
import { clientPlace } from './gps.js';

/** How near the nearest instance must be, km, and what is then said; of the rest only that it is the same country. */
const VERIFIED_WITHIN_KM = [2, 10, 100] as const;
const NOT_VERIFIED_KM = -1;

/**
 * Checks a claimed position against the places of the carrier's instances (match engine spec section 4.3, built-in
 * method). The other method asks a carrier's location API, chosen by the `carrier` flag.
 */
export function verifyLocation(
  { table, carrier }: Engine,
  request: VerifyLocationRequest,
  app: AppKey,
): VerifyLocationReply {
  const place = clientPlace(request.gpsLocation, dmeErrors.NO_GPS_LOCATION_TO_CHECK);
  const entry = table.app(app);
  if (!entry) throw fail(dmeErrors.APP_KEY_NOT_FOUND, { app: appText(app) });
  if (carrier === 'GDDT' || carrier === 'gddt') {
    if (request.verifyLocToken === '') throw fail(dmeErrors.NO_VERIFY_TOKEN);
    throw fail(dmeErrors.LOCATION_API_NOT_OFFERED, { carrier });
  }
  if (!entry.hasCarrier(request.carrierName))
    throw fail(dmeErrors.CARRIER_NOT_FOUND, { carrier: request.carrierName });
  const distance = entry.nearest(request.carrierName, place)?.distance;
  const within = VERIFIED_WITHIN_KM.find((km) => distance !== undefined && distance < km);
  return {
    ver: 0,
    towerStatus: VerifyLocationReply_TowerStatus.TOWER_UNKNOWN,
    gpsLocationStatus: within === undefined ? GpsStatus.LOC_MISMATCH_SAME_COUNTRY : GpsStatus.LOC_VERIFIED,
    gpsLocationAccuracyKm: within ?? NOT_VERIFIED_KM,
  };
}
