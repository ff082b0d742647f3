import { OBJECTS } from '@edgeplane/objects';
import { Loc } from '@edgeplane/proto/dme/loc.js';
import type { App } from '@edgeplane/proto/edgeproto/app.js';
import { ImageType } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { Cloudlet, CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { ClusterInst } from '@edgeplane/proto/edgeproto/clusterinst.js';
import type { Flavor } from '@edgeplane/proto/edgeproto/flavor.js';

/** What users of a run ask for. */

export function flavor(name: string): Flavor {
  return { ...OBJECTS.Flavor.withKey({ name }), ram: 1024n, vcpus: 1n, disk: 10n };
}

export function cloudlet(key: CloudletKey): Cloudlet {
  const object = OBJECTS.Cloudlet.withKey(key);
  return OBJECTS.Cloudlet.normalize({
    ...object,
    location: { ...LOCATION, latitude: 48, longitude: 11 },
    numDynamicIps: 4,
  });
}

const LOCATION = Loc.create();

const appKey = (name: string) => ({ developerKey: { name: 'dev' }, name, version: '1.0' });

const clusterKey = (name: string, site: CloudletKey) => ({
  clusterKey: { name },
  cloudletKey: site,
  developer: 'dev',
});

export function app(name: string, annotations: string): App {
  return {
    ...OBJECTS.App.withKey(appKey(name)),
    imageType: ImageType.IMAGE_TYPE_DOCKER,
    accessPorts: 'tcp:80,udp:90',
    defaultFlavor: { name: 'small' },
    annotations,
  };
}

export function clusterInst(name: string, site: CloudletKey): ClusterInst {
  return { ...OBJECTS.ClusterInst.withKey(clusterKey(name, site)), flavor: { name: 'small' }, numNodes: 1 };
}

/** On a cluster of this name, or one that is made for it. */
export function appInst(name: string, cluster: string, site: CloudletKey): AppInst {
  const key = { appKey: appKey(name), clusterInstKey: clusterKey(cluster, site) };
  return OBJECTS.AppInst.withKey(key);
}
