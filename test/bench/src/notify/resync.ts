import { type Bench, type Figure, median, upperFigure } from '../figures.js';
import { startChild } from './child.js';
import type { ClientsMethods } from './clients-program.js';
import { type Fleet, type Server, took, WANTS, withRaw, withServer } from './setup.js';

const ROUNDS = 9;
/** Of an AppInst in a notice of version 1. */
const NOTICE_BYTES = 187;
const MISSED = 10;

/** One light agent that connects again and again: the median of the times and what went over the connection. */
async function again(fleet: Fleet, address: string, forget: boolean, between: () => Promise<unknown>) {
  const times: number[] = [];
  let last = { up: 0, down: 0, roundTrips: 0 };
  for (let i = 0; i < ROUNDS; i++) {
    await fleet.cut();
    await between();
    const connected = await fleet.again(address, forget);
    times.push(took(connected));
    last = connected;
  }
  return { ms: median(times), ...last };
}

/** The same with new real clients, which keep what they get. */
async function realClients(address: string): Promise<number> {
  const times: number[] = [];
  const program = startChild<ClientsMethods>('clients-program');
  try {
    for (let i = 0; i < ROUNDS; i++) {
      const { ms } = await program.call('sync', { address, version: 2, site: undefined });
      await program.call('stop', undefined as never);
      times.push(ms);
    }
    return median(times);
  } finally {
    await program.stop();
  }
}

const resync: Bench = {
  group: 'notify',
  name: 'one agent connects: nothing known, unchanged, ten changes missed',
  async run({ objects }) {
    const raw = await withRaw({ count: objects, size: NOTICE_BYTES }, async (_server, address, fleet) => {
      await fleet.add({ address, count: 1, version: 0, wants: [], initial: objects });
      return again(fleet, address, true, async () => undefined);
    });
    const nothing = async () => undefined;
    return withServer(
      { version: 2, instances: objects, cloudlets: 10 },
      async (server: Server, address, fleet) => {
        await fleet.add({ address, count: 1, version: 2, wants: WANTS });
        const full = await again(fleet, address, true, nothing);
        const real = await realClients(address);
        const same = await again(fleet, address, false, nothing);
        const change = (n: number) => () => server.call('changeInstances', { from: 0, count: n });
        const ten = await again(fleet, address, false, change(Math.min(MISSED, objects)));
        const bytes = (of: { readonly up: number; readonly down: number }) => of.up + of.down;
        const figures: Figure[] = [
          upperFigure('notify.resync-full', 'ms', full.ms, raw.ms, null, 60),
          upperFigure('notify.resync-full-real-client', 'ms', real, raw.ms, null, 60),
          upperFigure('notify.resync-full-bytes', 'B', bytes(full), bytes(raw), null, 1_200_000),
          upperFigure('notify.reconnect-unchanged', 'ms', same.ms, raw.ms, null),
          upperFigure('notify.reconnect-unchanged-bytes', 'B', bytes(same), bytes(raw), null, 2000),
          upperFigure('notify.reconnect-unchanged-round-trips', '', same.roundTrips, raw.roundTrips, null, 2),
          upperFigure('notify.reconnect-missed-10', 'ms', ten.ms, raw.ms, null),
          upperFigure(
            'notify.reconnect-missed-10-bytes',
            'B',
            bytes(ten),
            bytes(raw),
            null,
            2000 + MISSED * 250,
          ),
        ];
        return figures;
      },
    );
  },
};

export const resyncBenches: readonly Bench[] = [resync];
