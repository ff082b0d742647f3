import { OBJECTS } from '@edgeplane/objects';
import { AppApiClient } from '@edgeplane/proto/edgeproto/app.js';
import {
  CloudletApiClient,
  CloudletInfoApiClient,
  CloudletState,
} from '@edgeplane/proto/edgeproto/cloudlet.js';
import { FlavorApiClient } from '@edgeplane/proto/edgeproto/flavor.js';
import { callStream, callUnary, connect } from '@edgeplane/rpc';
import { eventually } from '@edgeplane/test-harness';

/** What deploy/images/container builds. */
export const CONTAINER_IMAGE = 'localhost/edgeplane/hello:1.0';
export const SITE = { operator: 'op', name: 'site' } as const;
const CLOUDLET_KEY = { operatorKey: { name: SITE.operator }, name: SITE.name };

export function flavor(name: string) {
  return { ...OBJECTS.Flavor.withKey({ name }), ram: 256n, vcpus: 1n, disk: 1n };
}

export function clusterInst(name: string) {
  const key = { clusterKey: { name }, cloudletKey: CLOUDLET_KEY, developer: 'dev' };
  return { ...OBJECTS.ClusterInst.withKey(key), flavor: { name: 'small' }, numNodes: 1 };
}

export function appInst(app: string, cluster: string) {
  const clusterInstKey = { clusterKey: { name: cluster }, cloudletKey: CLOUDLET_KEY, developer: 'dev' };
  return OBJECTS.AppInst.withKey({ appKey: appKey(app), clusterInstKey });
}

function appKey(name: string) {
  return { developerKey: { name: 'dev' }, name, version: '1.0' };
}

/** Creates a flavor, the site, a container App `web` and a VM App `vm`, and waits for the site's agent. */
export async function createAll(api: string): Promise<void> {
  const [flavors, cloudlets, apps, infos] = [
    connect(FlavorApiClient, api),
    connect(CloudletApiClient, api),
    connect(AppApiClient, api),
    connect(CloudletInfoApiClient, api),
  ];
  try {
    await eventually('the agent is ready', async () => {
      for await (const info of callStream(infos, 'showCloudletInfo', OBJECTS.CloudletInfo.empty())) {
        if (info.state === CloudletState.CLOUDLET_STATE_READY) return true;
      }
      return false;
    });
    await callUnary(flavors, 'createFlavor', flavor('small'));
    const cloudlet = OBJECTS.Cloudlet.withKey(CLOUDLET_KEY);
    const location = OBJECTS.Cloudlet.empty().location;
    if (location) cloudlet.location = { ...location, latitude: 48, longitude: 11 };
    cloudlet.numDynamicIps = 5;
    for await (const _ of callStream(cloudlets, 'createCloudlet', cloudlet));
    const app = { accessPorts: 'tcp:8080', defaultFlavor: { name: 'small' } };
    const web = { ...OBJECTS.App.withKey(appKey('web')), ...app, imageType: 1 as const };
    await callUnary(apps, 'createApp', { ...web, imagePath: CONTAINER_IMAGE });
    const vm = { ...OBJECTS.App.withKey(appKey('vm')), ...app, imageType: 2 as const };
    await callUnary(apps, 'createApp', { ...vm, imagePath: 'edgeplane-hello.qcow2' });
  } finally {
    for (const client of [flavors, cloudlets, apps, infos]) client.close();
  }
}
