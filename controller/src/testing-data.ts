import type { TestController } from './testing.js';

/** Objects that tests create, as short as they can be. */

export const SITE = { operatorKey: { name: 'op' }, name: 'site' };

export const flavor = (name: string, ram = 1024n, vcpus = 1n, disk = 1n) => ({
  key: { name },
  ram,
  vcpus,
  disk,
});

export const SMALL = flavor('small', 1024n, 1n, 10n);

export const cloudlet = (name = 'site', operator = 'op', changes: object = {}) => ({
  key: { operatorKey: { name: operator }, name },
  location: { latitude: 48, longitude: 11 },
  numDynamicIps: 3,
  ...changes,
});

export const appKey = (name = 'web', developer = 'dev') => ({
  developerKey: { name: developer },
  name,
  version: '1.0',
});

export const app = (name = 'web', changes: object = {}) => ({
  key: appKey(name),
  imageType: 1,
  accessPorts: 'tcp:80',
  defaultFlavor: { name: 'small' },
  ...changes,
});

export const clusterKey = (name = 'c1', site: object = SITE, developer = 'dev') => ({
  clusterKey: { name },
  cloudletKey: site,
  developer,
});

export const clusterInst = (name = 'c1', changes: object = {}) => ({
  key: clusterKey(name),
  flavor: { name: 'small' },
  numNodes: 1,
  ...changes,
});

export const appInst = (name = 'web', cluster = 'c1', changes: object = {}) => ({
  key: { appKey: appKey(name), clusterInstKey: clusterKey(cluster) },
  ...changes,
});

/** Flavor `small`, cloudlet `op/site` and App `web`. */
export async function prepare(controller: TestController): Promise<void> {
  for (const [type, object] of [
    ['Flavor', SMALL],
    ['Cloudlet', cloudlet()],
    ['App', app()],
  ] as const) {
    const outcome = await controller.run('create', type, object);
    if (outcome.join() !== 'OK') throw new Error(`${type}: ${outcome.join('; ')}`);
  }
}
