import { freePort, type Running, startRelay, tempDir } from '@edgeplane/test-harness';
import { type Bench, type Figure, percentile, upperFigure } from '../figures.js';
import { changeFlavor, type FlavorDelivery } from './flavor-changes.js';
import { startFleet, WANTS } from './setup.js';
import { withSites } from './sites.js';
import { usageOf } from './usage.js';

const RELAYS = 2;

interface Way extends FlavorDelivery {
  /** Resident memory per agent of the controller, then of each relay per agent of its own, kilobytes. */
  readonly memory: readonly number[];
}

interface WayOptions {
  readonly count: number;
  readonly rounds: number;
  readonly settleMs: number;
  /** 0: agents are connected to the controller. */
  readonly relays: number;
}

/** Connects agents to a controller by relays or without, and changes what all of them have. */
function measure({ count, rounds, settleMs, relays: many }: WayOptions): Promise<Way> {
  return withSites({ sites: count, instancesPerSite: 2, flavors: 10 }, async ({ api, notify, pid }) => {
    const dir = tempDir('bench-relays');
    const relays: Running[] = [];
    const fleet = startFleet();
    try {
      const doors: string[] = [];
      for (let i = 0; i < many; i++) {
        const door = `127.0.0.1:${await freePort()}`;
        relays.push(await startRelay(dir.path, `r${i}`, door, notify));
        doors.push(door);
      }
      if (doors.length === 0) doors.push(notify);
      const pids = [pid, ...relays.map((relay) => relay.pid)];
      const before = pids.map(usageOf);
      const share = Math.ceil(count / doors.length);
      for (const [i, address] of doors.entries()) {
        const first = i * share;
        const some = { count: Math.min(share, count - first), firstCloudlet: first, insist: true };
        await fleet.add({ address, version: 2, wants: WANTS, ...some });
      }
      await new Promise((resolve) => setTimeout(resolve, settleMs));
      const memory = pids.map((each, i) => {
        const grown = usageOf(each).residentMb - (before[i]?.residentMb ?? 0);
        return Math.max((grown * 1024) / (i === 0 ? count : share), 0.001);
      });
      return { memory, ...(await changeFlavor({ api, fleet, agents: count, rounds, pids })) };
    } finally {
      await fleet.stop();
      for (const relay of relays) await relay.stop(30_000);
      dir.remove();
    }
  });
}

/** The same agents behind relays and without them: what a controller is spared, and what the way costs. */
const behindRelays: Bench = {
  group: 'notify',
  name: 'agents behind two relays, and the same without',
  async run({ relayed: count, rounds, idleMs }) {
    const options = { count, rounds, settleMs: idleMs / 7 };
    const direct = await measure({ ...options, relays: 0 });
    const behind = await measure({ ...options, relays: RELAYS });
    const [directMemory = Number.NaN] = direct.memory;
    const [directCpu = Number.NaN] = direct.cpu;
    const [memory = Number.NaN, ...relayMemory] = behind.memory;
    const [cpu = Number.NaN, ...relayCpu] = behind.cpu;
    const name = (what: string) => `notify.relayed-${count}-${what}`;
    // Each has its part of the deliveries.
    const ofRelays = relayCpu.reduce((sum, one) => sum + one, 0);
    const figures: Figure[] = [
      upperFigure(
        name('api-to-all-p99'),
        'ms',
        percentile(behind.times, 0.99),
        percentile(direct.times, 0.99),
        null,
      ),
      upperFigure(name('controller-memory-each'), 'kB', memory, directMemory, null),
      upperFigure(name('relay-memory-each'), 'kB', Math.max(...relayMemory), directMemory, null),
      upperFigure(name('controller-cpu-per-delivery'), 'us', cpu, directCpu, null),
      upperFigure(name('relays-cpu-per-delivery'), 'us', ofRelays, directCpu, null),
    ];
    return figures;
  },
};

export const relayBenches: readonly Bench[] = [behindRelays];
