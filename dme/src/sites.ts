import { OBJECTS } from '@edgeplane/objects';
import type { AppInst } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { type Place, type UnitVector, unitVector } from './geo.js';
import type { Site } from './nearby.js';

/** Where a cloudlet is. All instances that are there share one. */
export interface CloudletSite extends Site {
  readonly cloudletKey: CloudletKey;
  /** Of this cloudlet at this place. */
  readonly id: string;
}

class Shared implements CloudletSite {
  readonly cloudletKey: CloudletKey;
  /** Key JSON. */
  readonly cloudlet: string;
  readonly latitude: number;
  readonly longitude: number;
  readonly at: UnitVector;
  users = 0;

  constructor(cloudletKey: CloudletKey, cloudlet: string, place: Place) {
    // Nothing else of what the key was a part of.
    this.cloudletKey = {
      operatorKey: { name: cloudletKey.operatorKey?.name ?? '' },
      name: cloudletKey.name,
    };
    this.cloudlet = cloudlet;
    this.latitude = place.latitude;
    this.longitude = place.longitude;
    this.at = unitVector(place);
  }

  get id(): string {
    return `${this.latitude} ${this.longitude} ${this.cloudlet}`;
  }
}

/** The places of cloudlets, for as long as somebody is there. */
export class Sites {
  /** By key JSON of the cloudlet: more than one only while it moves, as its instances are told of one by one. */
  readonly #sites = new Map<string, Shared[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The place of an AppInst; to be released once. */
  take(inst: AppInst): CloudletSite {
    const { latitude = 0, longitude = 0 } = inst.cloudletLoc ?? {};
    const cloudletKey = inst.key?.clusterInstKey?.cloudletKey ?? { operatorKey: { name: '' }, name: '' };
    const cloudlet = OBJECTS.Cloudlet.keyJson(cloudletKey);
    const sites = this.#sites.get(cloudlet);
    let site = sites?.find((one) => one.latitude === latitude && one.longitude === longitude);
    if (!site) {
      site = new Shared(cloudletKey, cloudlet, { latitude, longitude });
      // Made in one piece: what grows has room to spare, for each of many cloudlets.
      this.#sites.set(cloudlet, sites ? [...sites, site] : [site]);
      this.#size += 1;
    }
    site.users += 1;
    return site;
  }

  /** Where a cloudlet is that somebody is at. */
  of(cloudlet: CloudletKey): readonly CloudletSite[] {
    return this.#sites.get(OBJECTS.Cloudlet.keyJson(cloudlet)) ?? [];
  }

  release(site: CloudletSite): void {
    const shared = site as Shared;
    shared.users -= 1;
    if (shared.users > 0) return;
    this.#size -= 1;
    const left = this.#sites.get(shared.cloudlet)?.filter((one) => one !== shared) ?? [];
    if (left.length > 0) this.#sites.set(shared.cloudlet, left);
    else this.#sites.delete(shared.cloudlet);
  }
}
