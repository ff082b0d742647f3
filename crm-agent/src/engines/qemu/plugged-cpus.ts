import type { QmpClient } from './qmp.js';

/** A processor that was added to a machine, as QEMU takes it: by command or on its command line. */
export type PluggedCpu = Readonly<{ driver: string; id: string } & Record<string, string | number>>;

/** Where a processor is or could be, as QEMU lists it. */
interface Slot {
  readonly type: string;
  /** Absent when it is free. */
  readonly 'qom-path'?: string;
  readonly props: Readonly<Record<string, number>>;
}

const ID_PREFIX = 'cpu-';
const PLUGGED = `/machine/peripheral/${ID_PREFIX}`;

async function slotsOf(qmp: QmpClient): Promise<readonly Slot[]> {
  return (await qmp.execute('query-hotpluggable-cpus')) as Slot[];
}

/** Processors that were there from the start, those that were added, in the order in which they were, and how many there can be. */
export async function cpusNow(
  qmp: QmpClient,
): Promise<{ readonly boot: number; readonly plugged: readonly PluggedCpu[]; readonly max: number }> {
  const slots = await slotsOf(qmp);
  const used = slots.filter((slot) => slot['qom-path'] !== undefined);
  const plugged = used
    .filter((slot) => slot['qom-path']?.startsWith(PLUGGED))
    .map((slot) => toPlugged(slot, Number(slot['qom-path']?.slice(PLUGGED.length))))
    .sort((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }));
  return { boot: used.length - plugged.length, plugged, max: slots.length };
}

/** Adds processors until there are `wanted`. The lowest free slots first: QEMU lists the highest, and guests have hung on those. */
export async function plugCpus(qmp: QmpClient, wanted: number): Promise<void> {
  const slots = await slotsOf(qmp);
  const free = slots.filter((slot) => slot['qom-path'] === undefined).sort(byPlace);
  const have = slots.length - free.length;
  for (const [index, slot] of free.slice(0, Math.max(0, wanted - have)).entries())
    await qmp.execute('device_add', toPlugged(slot, have + index));
}

function toPlugged({ type, props }: Slot, number: number): PluggedCpu {
  return { driver: type, id: `${ID_PREFIX}${number}`, ...props };
}

function byPlace(a: Slot, b: Slot): number {
  for (const key of ['socket-id', 'die-id', 'core-id', 'thread-id']) {
    const difference = (a.props[key] ?? 0) - (b.props[key] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
