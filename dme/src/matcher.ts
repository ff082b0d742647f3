import type { Place } from './geo.js';
import type { Match } from './nearby.js';
import { DEVELOPER_OPERATOR, PUBLIC_CLOUDS } from './reserved.js';

/** Instances of one App by carrier (operator name). */
export interface Carriers<T> {
  /** The nearest instance on a cloudlet of the carrier; of several equally near, the first by name. */
  nearest(carrier: string, place: Place): Match<T> | undefined;
}

/** How much nearer a public cloud must be than the client's own carrier, km. */
export const PUBLIC_CLOUD_PADDING_KM = 100;

/**
 * Where a client is sent (match engine spec section 4.2, steps 5 to 7): to the nearest instance of its carrier; to a
 * public cloud only when that is more than 100 km nearer; to the developer's own instance when there is no other.
 */
export function findInstance<T>(carriers: Carriers<T>, carrier: string, place: Place): Match<T> | undefined {
  let found = carriers.nearest(carrier, place);
  if (!found || found.distance > PUBLIC_CLOUD_PADDING_KM) {
    let limit = found ? found.distance - PUBLIC_CLOUD_PADDING_KM : Number.POSITIVE_INFINITY;
    for (const cloud of PUBLIC_CLOUDS) {
      const nearer = carriers.nearest(cloud, place);
      if (!nearer || !(nearer.distance < limit)) continue;
      found = nearer;
      limit = nearer.distance;
    }
  }
  return found ?? carriers.nearest(DEVELOPER_OPERATOR, place);
}
