import { OBJECTS } from '@edgeplane/objects';
import { CloudletApiService } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { type Bench, type Figure, percentile, upperFigure } from '../figures.js';
import { bareCaller } from '../raw-client.js';
import { machineTime, startChild } from './child.js';
import type { ClientsMethods } from './clients-program.js';
import { changeFlavor } from './flavor-changes.js';
import { cloudletKey } from './frames.js';
import { rawDelivery } from './raw-delivery.js';
import { startFleet, WANTS } from './setup.js';
import { withSites } from './sites.js';

/** Of a frame with one Flavor and the marks of four types. */
const FRAME_BYTES = 110;
/** Cloudlet.num_dynamic_ips. */
const DYNAMIC_IPS = '8';

/** A change by the API that concerns one agent, which is a real client, among idle ones. */
const toOne: Bench = {
  group: 'notify',
  name: 'from the reply of the API to one agent',
  run: ({ fleet: count, rounds }) =>
    withSites({ sites: count + 1, instancesPerSite: 2, flavors: 10 }, async ({ api, notify }) => {
      const raw = await rawDelivery(1, FRAME_BYTES, rounds * 5);
      const fleet = startFleet();
      const client = startChild<ClientsMethods>('clients-program');
      const caller = bareCaller(api, 1);
      try {
        await fleet.add({ address: notify, count, version: 2, wants: WANTS, firstCloudlet: 0 });
        await client.call('sync', { address: notify, version: 2, site: count });
        const key = cloudletKey(`site-${count}`);
        const times: number[] = [];
        for (let i = 0; i < rounds * 6; i++) {
          const changed = { ...OBJECTS.Cloudlet.withKey(key), fields: [DYNAMIC_IPS], numDynamicIps: 6 + i };
          const came = client.call('nextCloudlet', undefined as never);
          await caller.unary(CloudletApiService.updateCloudlet.path, OBJECTS.Cloudlet.toWire(changed));
          const replied = machineTime();
          const at = await came;
          if (i >= rounds) times.push(Math.max(at - replied, 0.001));
        }
        return [
          upperFigure('notify.api-to-1-agent-p50', 'ms', percentile(times, 0.5), raw.p50, null),
          upperFigure('notify.api-to-1-agent-p99', 'ms', percentile(times, 0.99), raw.p99, null, 5),
        ];
      } finally {
        caller.close();
        await client.stop();
        await fleet.stop();
      }
    }),
};

/** A change by the API that concerns all agents. */
const toAll: Bench = {
  group: 'notify',
  name: 'from the reply of the API to all agents',
  run: ({ fleet: count, rounds }) =>
    withSites({ sites: count, instancesPerSite: 2, flavors: 10 }, async ({ api, notify, pid }) => {
      const raw = await rawDelivery(count, FRAME_BYTES, rounds);
      const fleet = startFleet();
      try {
        await fleet.add({ address: notify, count, version: 2, wants: WANTS, firstCloudlet: 0 });
        const changes = { api, fleet, agents: count, rounds, pids: [pid] };
        const { times, cpu } = await changeFlavor(changes);
        const [each = Number.NaN] = cpu;
        const figures: Figure[] = [
          upperFigure(`notify.api-to-${count}-agents-p50`, 'ms', percentile(times, 0.5), raw.p50, null),
          upperFigure(`notify.api-to-${count}-agents-p99`, 'ms', percentile(times, 0.99), raw.p99, null, 40),
          // At least 0.8 of what bare streams do with as much processor time.
          upperFigure('notify.cpu-per-delivery', 'us', each, raw.cpuPerDelivery, 1 / 0.8, 20),
        ];
        return figures;
      } finally {
        await fleet.stop();
      }
    }),
};

export const deliveryBenches: readonly Bench[] = [toOne, toAll];
