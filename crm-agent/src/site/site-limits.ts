import { statfs } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { SiteLimits } from '../drivers/driver.js';
import type { HostDevice } from './devices.js';
import type { Memory } from './memory.js';

/**
 * What the host has, with one flavor that is all of it (spec section 9.3). Processors are shared in time, so there may be
 * more virtual ones than real ones; memory and disk are not.
 * @param folder where workloads are kept
 */
export async function hostLimits(
  folder: string,
  cpuOvercommit: number,
  memory: Memory,
  devices: readonly HostDevice[],
): Promise<SiteLimits> {
  const disk = await statfs(folder);
  const ram = BigInt(Math.round(memory.totalKb / 1024));
  const vcores = BigInt(availableParallelism());
  const gigabytes = BigInt(Math.max(1, Math.round((disk.blocks * disk.bsize) / 1024 ** 3)));
  return {
    ram,
    vcores: vcores * BigInt(cpuOvercommit),
    disk: gigabytes,
    binding: true,
    flavors: [{ name: 'local.host', vcpus: vcores, ram, disk: gigabytes }],
    devices: devices.map(({ kind, name, count, detail }) => ({ kind, name, count, detail })),
  };
}
