import { readFile, statfs } from 'node:fs/promises';
import { cpus } from 'node:os';
import type { SiteLimits } from '../driver.js';

/** Memory of the host, kB, from the text of /proc/meminfo. @throws when the text does not tell. */
export function parseMemTotal(text: string): number {
  const match = /^MemTotal:\s+(\d+) kB$/m.exec(text);
  if (!match) throw new Error('/proc/meminfo has no MemTotal');
  return Number(match[1]);
}

/**
 * What the host has, with one flavor that is all of it (spec section 9.3). Processors are shared in time, so there may be
 * more virtual ones than real ones; memory and disk are not.
 * @param folder where workloads are kept
 */
export async function hostLimits(folder: string, cpuOvercommit: number): Promise<SiteLimits> {
  const memory = parseMemTotal(await readFile('/proc/meminfo', 'utf8'));
  const disk = await statfs(folder);
  const ram = BigInt(Math.round(memory / 1024));
  const vcores = BigInt(Math.max(1, cpus().length));
  const gigabytes = BigInt(Math.max(1, Math.round((disk.blocks * disk.bsize) / 1024 ** 3)));
  return {
    ram,
    vcores: vcores * BigInt(cpuOvercommit),
    disk: gigabytes,
    binding: true,
    flavors: [{ name: 'local.host', vcpus: vcores, ram, disk: gigabytes }],
  };
}
