import { fail } from '@edgeplane/base';
import type { VmSpec } from '../../engines/qemu/index.js';
import { virtrigaudErrors } from './errors.js';
import { readObject } from './json.js';
import type { VmLabels } from './labels.js';
import type { ReconfigureWork } from './power-work.js';
import { invalid } from './values.js';
import { headroom, readClass, sizeMib } from './vm-class.js';

/**
 * What of a desired state is another than what a machine is to have now: processors, memory, and sizes of disks, which only
 * grow. The rest of it is the description that the machine was made by (spec of VirtRigaud, section 3.7).
 * @throws FIELD_INVALID, NOT_JSON, NOT_AVAILABLE, DISK_NOT_FOUND
 */
export function readDesired(
  text: string,
  {
    id,
    spec,
    rootMib,
  }: { readonly id: string; readonly spec: VmSpec; readonly rootMib: VmLabels['rootMib'] },
): Omit<ReconfigureWork, 'id'> {
  const json = readObject('desired_json', text);
  if (!json) throw invalid('desired_json', 'given', text);
  const classJson = json.object('Class');
  const wanted = classJson && readClass(classJson);
  const { cpus = spec.cpus, memoryMib = spec.memoryMib } = wanted ?? {};
  const room = headroom({ cpus, memoryMib }, { hotCpus: true, hotMemory: true });
  const change: ReconfigureWork['change'] = {
    ...(cpus === spec.cpus ? {} : { cpus, ...roomFor('maxCpus', cpus, spec.maxCpus, room.maxCpus) }),
    ...(memoryMib === spec.memoryMib
      ? {}
      : { memoryMib, ...roomFor('maxMemoryMib', memoryMib, spec.maxMemoryMib, room.maxMemoryMib) }),
  };
  const disks: Record<string, number> = {};
  const grow = (field: string, disk: string, have: number, want: number) => {
    if (want < have) throw invalid(field, `at least ${have} MiB: disks only grow`, want);
    if (want > have) disks[disk] = want;
  };
  const rootHas = spec.diskMib ?? 0;
  // A disk that came larger than it was asked for is not to shrink when the same is asked again.
  const asMade = wanted?.diskMib === rootMib?.asked && rootHas === rootMib?.made;
  if (wanted?.diskMib !== undefined && !asMade)
    grow('desired_json.Class.DiskDefaults.SizeGiB', 'boot', rootHas, wanted.diskMib);
  for (const [index, disk] of json.objects('Disks').entries()) {
    const want = sizeMib(disk);
    const name = disk.text('Name') || `disk-${index + 1}`;
    const there = spec.extraDisks?.find((one) => one.name === name);
    if (!there) throw fail(virtrigaudErrors.DISK_NOT_FOUND, { id, disk: name });
    if (want !== undefined) grow(disk.field('SizeGiB'), name, there.sizeMib ?? 0, want);
  }
  return { change, disks };
}

/** A limit that is too low for what is wanted comes to be higher with the next start; where there is none, none is made. */
function roomFor<K extends 'maxCpus' | 'maxMemoryMib'>(
  key: K,
  wanted: number,
  limit: number | undefined,
  room: number | undefined,
): { readonly [P in K]?: number } {
  const even = (value: number) => value - ((value - wanted) % 2);
  if (limit === undefined) return {};
  const next = Math.max(limit, wanted < limit ? limit : (room ?? wanted));
  return { [key]: key === 'maxCpus' ? next : even(next) } as { readonly [P in K]?: number };
}
