import { OBJECTS } from '@edgeplane/objects';
import { AppApiService } from '@edgeplane/proto/edgeproto/app.js';
import { FlavorApiService } from '@edgeplane/proto/edgeproto/flavor.js';
import { withController } from './controller-setup.js';
import { type Bench, type Figure, rateFigure } from './figures.js';
import { ratePerSecond } from './load.js';
import { bareCaller } from './raw-client.js';
import { rawEtcd } from './raw-etcd.js';
import { flavor } from './samples.js';

interface Create {
  readonly name: string;
  readonly path: string;
  request(name: string): Uint8Array;
  /** Bytes of the stored value of such an object, for the raw put. */
  readonly storedBytes: number;
  /** Per number of calls in flight: share of raw puts, and calls per second, that are wanted. */
  readonly wanted: ReadonlyMap<number, readonly [ratio: number, perSecond: number]>;
}

function app(name: string) {
  const key = { developerKey: { name: 'dev' }, name, version: '1.0' };
  const given = { imageType: 1 as const, accessPorts: 'tcp:8080', defaultFlavor: { name: 'small' } };
  return { ...OBJECTS.App.withKey(key), ...given };
}

const FLAVORS: Create = {
  name: 'create-flavor',
  path: FlavorApiService.createFlavor.path,
  request: (name) => OBJECTS.Flavor.toWire(flavor(name)),
  storedBytes: 70,
  wanted: new Map([
    [1, [0.5, 795]],
    [64, [0.4, 2987]],
  ]),
};

/** With its generated manifest an App is stored in about this many bytes. */
const APPS: Create = {
  name: 'create-app',
  path: AppApiService.createApp.path,
  request: (name) => OBJECTS.App.toWire(app(name)),
  storedBytes: 1250,
  wanted: new Map([
    [1, [0.28, 416]],
    [64, [0.5, 1387]],
  ]),
};

function createBench(create: Create): Bench {
  return {
    group: 'controller',
    name: `${create.name} beside bare etcd puts of that size`,
    run: (sizes) =>
      withController(async ({ etcd, api }) => {
        const caller = bareCaller(api);
        const raw = rawEtcd(etcd.url);
        try {
          await caller.unary(FLAVORS.path, FLAVORS.request('small'));
          const call = (run: string) => (i: number) =>
            caller.unary(create.path, create.request(`${run}-${i}`));
          const put = (run: string) => (i: number) =>
            raw.put(`raw/${create.name}/${run}-${i}`, 'x'.repeat(create.storedBytes));
          await ratePerSecond(sizes.warmUp, 16, put('warm'));
          await ratePerSecond(sizes.warmUp, 16, call('warm'));
          const figures: Figure[] = [];
          for (const [width, [ratio, perSecond]] of create.wanted) {
            const count = width === 1 ? sizes.serialCalls : sizes.calls;
            const bare = await ratePerSecond(count, width, put(`w${width}`));
            const ours = await ratePerSecond(count, width, call(`w${width}`));
            const name = `controller.${create.name}-${width}`;
            figures.push(rateFigure(name, ours, bare, ratio, perSecond));
          }
          return figures;
        } finally {
          raw.close();
          caller.close();
        }
      }),
  };
}

export const writeBenches: readonly Bench[] = [createBench(FLAVORS), createBench(APPS)];
