import type { ExtraDisk } from '../../engines/qemu/index.js';
import type { JsonObject } from './json.js';
import { invalid } from './values.js';
import { checkDiskType, sizeMib } from './vm-class.js';

/** It is the disk's serial number in the guest, which has so much room. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,19}$/;
const DISKS_MAX = 16;

/** Reads the disks beside the root disk; one without a name is `disk-1` and so on (spec of VirtRigaud, section 3.4). */
export function readDisks(
  list: readonly JsonObject[],
): readonly (ExtraDisk & { readonly sizeMib: number })[] {
  if (list.length > DISKS_MAX) throw invalid('disks_json', `at most ${DISKS_MAX} disks`, list.length);
  const names = new Set<string>(['boot']);
  return list.map((json, index) => {
    const name = json.text('Name') || `disk-${index + 1}`;
    if (!NAME.test(name) || names.has(name)) {
      const rule = 'given once, not boot, and 1 to 20 letters, digits, dots, dashes or underscores';
      throw invalid(json.field('Name'), rule, name);
    }
    names.add(name);
    checkDiskType(json);
    const size = sizeMib(json);
    if (size === undefined) throw invalid(json.field('SizeGiB'), 'a whole number from 1 up', 0);
    return { name, sizeMib: size };
  });
}
