import { fail } from '@edgeplane/base';
import type { SiteLimits } from '../driver.js';
import { remoteErrors } from './errors.js';

/** What the operator says that there is, as nothing in these APIs tells. */
export interface Capacity {
  readonly vcores: number;
  /** MB. */
  readonly ram: number;
  /** GB. */
  readonly disk: number;
}

const FIELDS = ['vcores', 'ram', 'disk'] as const;
/** Stands for what nobody has told; the controller refuses nothing because of it. */
const UNTOLD: Capacity = { vcores: 100_000, ram: 1_000_000_000, disk: 1_000_000_000 };
/** Most that these APIs give to one machine. */
const MOST_VCPUS = 128;

/** Reads `vcores=64,ram=262144,disk=4000`; undefined when empty. @throws SETTING */
export function parseCapacity(text: string, field: string): Capacity | undefined {
  if (text === '') return undefined;
  const found = new Map(
    text.split(',').map((part) => {
      const [name = '', number = ''] = part.trim().split('=', 2);
      return [name, number] as const;
    }),
  );
  const numbers = FIELDS.map((name) => Number(found.get(name) || Number.NaN));
  if (found.size !== FIELDS.length || !numbers.every((n) => Number.isSafeInteger(n) && n > 0))
    throw fail(remoteErrors.SETTING, {
      ...{ field, value: text, rule: 'must be vcores=<number>,ram=<MB>,disk=<GB>' },
    });
  const [vcores = 0, ram = 0, disk = 0] = numbers;
  return { vcores, ram, disk };
}

export function limitsOf(platform: string, told: Capacity | undefined): SiteLimits {
  const { vcores, ram, disk } = told ?? UNTOLD;
  const [allRam, allDisk] = [BigInt(ram), BigInt(disk)];
  const vcpus = BigInt(Math.min(vcores, MOST_VCPUS));
  return {
    ram: allRam,
    vcores: BigInt(vcores),
    disk: allDisk,
    binding: told !== undefined,
    flavors: [{ name: platform, vcpus, ram: allRam, disk: allDisk }],
  };
}
