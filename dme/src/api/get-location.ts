import {
  type GetLocationReply,
  type GetLocationRequest,
  GetLocationReply_LocStatus as LocStatus,
} from '@edgeplane/proto/dme/app-client.js';
import { EMPTY_LOC } from '../place.js';

/**
 * Where the network says the client is (match engine spec section 4.4). No network tells a match engine, and a cookie
 * does not tell one client from another of the same App and address, so that nothing can be remembered of them either:
 * the position is there and empty, and the status the one that clients have always got.
 */
export function getLocation({ carrierName }: GetLocationRequest): GetLocationReply {
  return { ver: 0, status: LocStatus.LOC_FOUND, carrierName, tower: 0n, networkLocation: EMPTY_LOC };
}
