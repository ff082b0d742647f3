import { OBJECTS } from '@edgeplane/objects';
import { DeveloperApiService } from '@edgeplane/proto/edgeproto/developer.js';
import { type Bench, type Figure, percentile, upperFigure } from '../figures.js';
import { bareCaller } from '../raw-client.js';
import { machineTime } from './child.js';
import { addRaw, startFleet, took, WANTS, withRaw, withServer } from './setup.js';
import { withSites } from './sites.js';
import { usageOf } from './usage.js';

/** Of an AppInst in a notice of version 1. */
const NOTICE_BYTES = 187;
/** Pause between calls of the API, milliseconds. */
const PAUSE_MS = 20;
const FLAVORS = 80;
const INSTANCES = 10;

/** All agents lose their connections at once and come back. */
const together: Bench = {
  group: 'notify',
  name: 'all agents connect at once: nothing known, a hundredth changed',
  async run({ fleet: count, each }) {
    const raw = await withRaw({ count: each, size: NOTICE_BYTES }, async (server, address, fleet) => {
      const all = await fleet.add({ address, count, version: 0, wants: [], initial: each });
      return { ms: took(all), ...usageOf(server.pid) };
    });
    return withServer({ version: 2, instances: each, cloudlets: 10 }, async (server, address, fleet) => {
      const first = took(await fleet.add({ address, count, version: 2, wants: WANTS }));
      await fleet.cut();
      const full = took(await fleet.again(address, true));
      const { peakMb } = usageOf(server.pid);
      await fleet.cut();
      await server.call('changeInstances', { from: 0, count: Math.ceil(each / 100) });
      const some = took(await fleet.again(address, false));
      const figures: Figure[] = [
        upperFigure(`notify.${count}-connect`, 'ms', Math.max(first, full), raw.ms, null, 5000),
        upperFigure(`notify.${count}-connect-peak`, 'MB', peakMb, raw.peakMb, null, 500),
        upperFigure(`notify.${count}-reconnect-1-percent`, 'ms', some, raw.ms, null, 1500),
      ];
      return figures;
    });
  },
};

/** A controller is killed and started again; until all its agents are in step, and what callers feel of it. */
const restarted: Bench = {
  group: 'notify',
  name: 'controller restarted under many agents',
  async run({ restarted: count, echoes }) {
    const stored = { sites: count, instancesPerSite: INSTANCES, flavors: FLAVORS };
    return withSites(stored, async (sites) => {
      const fleet = startFleet();
      try {
        const options = { version: 2, wants: WANTS, firstCloudlet: 0, insist: true };
        await fleet.add({ address: sites.notify, count, ...options });
        const { launched, ready } = await sites.restart();
        const end = new AbortController();
        const calling = callAgainAndAgain(sites.api, echoes, end.signal);
        const { at } = await fleet.recovered();
        const last = Math.max(...at, ready);
        end.abort();
        const times = await calling;
        const start = ready - launched;
        const figures: Figure[] = [
          upperFigure(`notify.restart-${count}-in-step`, 'ms', last - launched, start, null, 10_000),
          upperFigure(
            `notify.restart-${count}-api-p99`,
            'ms',
            percentile(times, 0.99),
            percentile(times, 0.5),
            null,
            1000,
          ),
        ];
        return figures;
      } finally {
        await fleet.stop();
      }
    });
  },
};

/** Creates developers one after another, at least `fewest`; how long each took, milliseconds. */
async function callAgainAndAgain(
  api: string,
  fewest: number,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const caller = bareCaller(api, 1);
  const type = OBJECTS.Developer;
  const times: number[] = [];
  try {
    while (!signal.aborted || times.length < fewest) {
      const began = machineTime();
      const request = type.toWire(type.withKey({ name: `caller-${times.length}` }));
      await caller.unary(DeveloperApiService.createDeveloper.path, request);
      times.push(machineTime() - began);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    return times;
  } finally {
    caller.close();
  }
}

/** Agents that have nothing to do, on a real controller. */
const idle: Bench = {
  group: 'notify',
  name: 'idle agents on one controller',
  async run({ idle: count, idleMs }) {
    const rest = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    const settleMs = idleMs / 7;
    const raw = await withRaw({ count: 0, size: 0 }, async (server, address, fleet) => {
      const before = usageOf(server.pid);
      await addRaw(server, address, fleet, count);
      await rest(settleMs);
      return ((usageOf(server.pid).residentMb - before.residentMb) * 1024) / count;
    });
    return withSites({ sites: count, instancesPerSite: 1, flavors: 10 }, async ({ notify, pid }) => {
      const fleet = startFleet();
      try {
        const before = usageOf(pid);
        const agents = { count, firstCloudlet: 0, insist: true };
        await fleet.add({ address: notify, version: 2, wants: WANTS, ...agents });
        // The collector tidies up for half a minute after so many have come, which is no cost of their being idle.
        await rest(idleMs);
        const started = usageOf(pid);
        const began = machineTime();
        await rest(idleMs);
        const ended = usageOf(pid);
        const each = Math.max(((ended.residentMb - before.residentMb) * 1024) / count, 0.001);
        const share = ((ended.cpuMs - started.cpuMs) / (machineTime() - began)) * 100;
        const figures: Figure[] = [
          upperFigure(`notify.idle-${count}-memory-each`, 'kB', each, Math.max(raw, 0.001), null, 100),
          upperFigure(`notify.idle-${count}-cpu`, '%', Math.max(share, 0.001), 100, null, 5),
        ];
        return figures;
      } finally {
        await fleet.stop();
      }
    });
  },
};

export const stormBenches: readonly Bench[] = [together, restarted, idle];
