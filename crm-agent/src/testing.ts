import { silentLogger, systemClock, systemRandom } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import type { App } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { ClusterInst } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import type { Flavor } from '@edgeplane/proto/edgeproto/flavor.js';
import type { DriverContext, Operation } from './drivers/driver.js';
import { Troubles } from './troubles.js';

/** Objects and contexts for this package's tests. */

export const testCloudletKey: CloudletKey = { operatorKey: { name: 'tmus' }, name: 'cloud one' };

export function testFlavor(over: Partial<Flavor> = {}): Flavor {
  return { ...OBJECTS.Flavor.withKey({ name: 'small' }), ram: 128n, vcpus: 1n, disk: 1n, ...over };
}

export function testClusterInst(over: Partial<ClusterInst> = {}, name = 'cluster1'): ClusterInst {
  const key = { clusterKey: { name }, cloudletKey: testCloudletKey, developer: 'dev' };
  return {
    ...OBJECTS.ClusterInst.withKey(key),
    flavor: { name: 'small' },
    deployment: 'docker',
    state: TrackedState.CREATE_REQUESTED,
    ...over,
  };
}

export function testApp(over: Partial<App> = {}, name = 'web'): App {
  const key = { developerKey: { name: 'dev' }, name, version: '1.0' };
  return { ...OBJECTS.App.withKey(key), deployment: 'docker', defaultFlavor: { name: 'small' }, ...over };
}

export function testAppInst(
  over: Partial<AppInst> = {},
  app: App = testApp(),
  cluster: ClusterInst = testClusterInst(),
): AppInst {
  return {
    ...OBJECTS.AppInst.withKey({ appKey: app.key, clusterInstKey: cluster.key }),
    flavor: { name: 'small' },
    state: TrackedState.CREATE_REQUESTED,
    ...over,
  };
}

export function testDriverContext(over: Partial<DriverContext> = {}): DriverContext {
  return {
    cloudletKey: testCloudletKey,
    cloudletKeyJson: OBJECTS.Cloudlet.keyJson(testCloudletKey),
    stateDir: undefined,
    publicAddr: '127.0.0.1',
    http: { port: 0 },
    imageDir: '',
    registryAuth: '',
    troubles: new Troubles(),
    logger: silentLogger,
    clock: systemClock,
    random: systemRandom,
    ...over,
  };
}

export function testOperation(signal: AbortSignal = new AbortController().signal): Operation {
  return { signal, progress: () => undefined };
}
