import { type ErrorKind, fail } from '@edgeplane/base';
import type { Loc } from '@edgeplane/proto/dme/loc.js';
import { dmeErrors } from '../errors.js';
import { isOnEarth, type Place } from '../geo.js';

/**
 * A client's position. 0, 0 counts as none.
 * @throws EdgeplaneError of kind `missing`, or BAD_GPS_LOCATION when it is out of range.
 */
export function clientPlace(loc: Loc | undefined, missing: ErrorKind): Place {
  if (!loc || (loc.latitude === 0 && loc.longitude === 0)) throw fail(missing);
  if (!isOnEarth(loc)) throw fail(dmeErrors.BAD_GPS_LOCATION);
  return loc;
}
