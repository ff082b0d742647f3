import { type Bench, type Figure, percentile, rateFigure, upperFigure } from '../figures.js';
import { rawDelivery } from './raw-delivery.js';
import { addRaw, type Fleet, WANTS, withRaw, withServer } from './setup.js';
import { cpuEach, usageOf } from './usage.js';

/** Objects that change at a time. */
const BATCH = 200;
/** Of an AppInst in a notice of version 1. */
const NOTICE_BYTES = 192;

/** Changes that reach agents per second, when `change` makes {@link BATCH} of them again and again. */
async function sustained(
  fleet: Fleet,
  agents: number,
  rounds: number,
  change: (round: number) => Promise<unknown>,
): Promise<number> {
  for (let i = 0; i < 2; i++) await fleet.whenChanged(agents, BATCH, () => change(i));
  const began = performance.now();
  for (let i = 0; i < rounds; i++) await fleet.whenChanged(agents, BATCH, () => change(i));
  return (rounds * BATCH * agents * 1000) / (performance.now() - began);
}

const notices: Bench = {
  group: 'notify',
  name: 'notices per second to all agents',
  async run({ fleet: count, rounds }) {
    const repeats = Math.ceil(rounds / 5);
    const raw = await withRaw({ count: 0, size: 0 }, async (server, address, fleet) => {
      await addRaw(server, address, fleet, count);
      return sustained(fleet, count, Math.ceil(repeats / 4), () =>
        server.call('fanOut', { count: BATCH, size: NOTICE_BYTES }),
      );
    });
    const ours = (version: number, times: number) =>
      withServer({ version, instances: BATCH * 5, cloudlets: 10 }, async (server, address, fleet) => {
        await fleet.add({ address, count, version, wants: WANTS });
        return sustained(fleet, count, times, (i) =>
          server.call('changeInstances', { from: (i % 5) * BATCH, count: BATCH }),
        );
      });
    const first = await ours(1, Math.ceil(repeats / 4));
    const second = await ours(2, repeats);
    return [
      rateFigure('notify.notices-v1', first, raw, null),
      rateFigure('notify.notices-v2', second, raw, null, 200_000),
      rateFigure('notify.notices-v2-to-v1', second, first, 4),
    ];
  },
};

/** One change of many sessions' that concerns one of them. */
const oneOfMany: Bench = {
  group: 'notify',
  name: 'a change to one cloudlet among more and more sessions',
  async run({ curve, rounds }) {
    const raw = await rawDelivery(1, NOTICE_BYTES, rounds * 5);
    const most = curve.at(-1) ?? 1;
    return withServer({ version: 2, instances: most, cloudlets: most }, async (server, address, fleet) => {
      const figures: Figure[] = [];
      let there = 0;
      let first = Number.NaN;
      for (const count of curve) {
        const more = { count: count - there, firstCloudlet: there, insist: true };
        await fleet.add({ address, version: 2, wants: WANTS, ...more });
        there = count;
        const times: number[] = [];
        const change = (i: number) => {
          const from = (i * 7919) % count;
          return () => server.call('changeInstances', { from, count: 1 });
        };
        let before = usageOf(server.pid);
        for (let i = -rounds; i < rounds * 5; i++) {
          if (i === 0) before = usageOf(server.pid);
          const { result: began, at } = await fleet.whenChangedOnce(change(i + rounds));
          if (i >= 0) times.push(at - began);
        }
        const cpu = cpuEach(before, usageOf(server.pid), rounds * 5);
        const ms = percentile(times, 0.5);
        if (Number.isNaN(first)) first = ms;
        figures.push(upperFigure(`notify.change-to-1-of-${count}`, 'ms', ms, raw.p50, null, first * 2));
        figures.push(upperFigure(`notify.change-to-1-of-${count}-cpu`, 'us', cpu, raw.cpuPerDelivery, null));
      }
      return figures;
    });
  },
};

export const fanOutBenches: readonly Bench[] = [notices, oneOfMany];
