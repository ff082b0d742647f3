import { fail } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import {
  type AppInstListReply,
  AppInstListReply_AIStatus,
  type AppInstListRequest,
  type CloudletLocation,
} from '@edgeplane/proto/dme/app-client.js';
import type { AppKey } from '@edgeplane/proto/edgeproto/app.js';
import { dmeErrors } from '../errors.js';
import { distanceKm } from '../geo.js';
import type { Instance } from '../instance.js';
import { isDefaultCloudlet, isSharedCarrier } from '../reserved.js';
import type { AppTable } from '../tables.js';

/**
 * Lists the instances of the session's App by cloudlet, with distances (match engine spec section 4.5). Apps of the
 * same name and version count, whoever their developer is: existing clients see that. The nearest cloudlet comes
 * first; instances are in order of their keys.
 */
export function getAppInstList(table: AppTable, request: AppInstListRequest, own: AppKey): AppInstListReply {
  const place = request.gpsLocation;
  if (!place) throw fail(dmeErrors.NO_GPS_LOCATION_TO_CHECK);
  const { carrierName } = request;
  const cloudlets = new Map<string, CloudletLocation>();
  for (const entry of table.apps()) {
    if (entry.key.name !== own.name || entry.key.version !== own.version) continue;
    const shown = (c: string) => carrierName === '' || c === carrierName || isSharedCarrier(c);
    for (const carrier of entry.carriers().filter(shown)) {
      for (const instance of inKeyOrder(entry.candidates(carrier))) {
        if (isDefaultCloudlet(instance.cloudletKey)) continue;
        const keyJson = OBJECTS.Cloudlet.keyJson(instance.cloudletKey);
        const cloudlet = cloudlets.get(keyJson) ?? {
          carrierName: carrier,
          cloudletName: instance.cloudletKey.name,
          gpsLocation: instance.location,
          distance: distanceKm(place, instance.location),
          appinstances: [],
        };
        cloudlets.set(keyJson, cloudlet);
        const { name: appName, version: appVers } = entry.key;
        cloudlet.appinstances.push({ appName, appVers, fqdn: instance.uri, ports: [...instance.ports] });
      }
    }
  }
  return {
    ver: 0,
    status: AppInstListReply_AIStatus.AI_SUCCESS,
    cloudlets: [...cloudlets.values()].sort((a, b) => a.distance - b.distance),
  };
}

function inKeyOrder(instances: Iterable<Instance>): readonly Instance[] {
  return [...instances].sort((a, b) => (a.name < b.name ? -1 : 1));
}
