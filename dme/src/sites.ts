import { OBJECTS } from '@edgeplane/objects';
import type { AppInst } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { unitVector } from './geo.js';
import type { Site } from './nearby.js';

/** Where a cloudlet is. All instances that are there share one. */
export interface CloudletSite extends Site {
  readonly cloudletKey: CloudletKey;
}

interface Shared extends CloudletSite {
  readonly id: string;
  users: number;
}

/** The places of cloudlets, for as long as somebody is there. */
export class Sites {
  readonly #sites = new Map<string, Shared>();

  get size(): number {
    return this.#sites.size;
  }

  /** The place of an AppInst; to be released once. */
  take(inst: AppInst): CloudletSite {
    const { latitude = 0, longitude = 0 } = inst.cloudletLoc ?? {};
    const id = `${latitude} ${longitude} ${OBJECTS.AppInst.cloudletKeyJson(inst)}`;
    let site = this.#sites.get(id);
    if (!site) {
      const cloudletKey = inst.key?.clusterInstKey?.cloudletKey ?? { operatorKey: { name: '' }, name: '' };
      const at = unitVector({ latitude, longitude });
      site = { id, users: 0, latitude, longitude, at, cloudletKey };
      this.#sites.set(id, site);
    }
    site.users += 1;
    return site;
  }

  release(site: CloudletSite): void {
    const shared = site as Shared;
    shared.users -= 1;
    if (shared.users === 0) this.#sites.delete(shared.id);
  }
}
