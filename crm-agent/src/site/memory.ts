import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostPaths } from './host-paths.js';

/** Memory of a host, kB. */
export interface Memory {
  /** Without what is set aside as huge pages. */
  readonly totalKb: number;
  /** What could be taken now without swapping. */
  readonly availableKb: number;
  readonly hugePages: { readonly total: number; readonly free: number; readonly sizeKb: number };
}

export async function readMemory({ proc }: HostPaths): Promise<Memory> {
  return parseMemory(await readFile(join(proc, 'meminfo'), 'utf8'));
}

/** From the text of /proc/meminfo. @throws when the text does not tell. */
export function parseMemory(text: string): Memory {
  const figure = (name: string): number | undefined => {
    const match = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text);
    return match ? Number(match[1]) : undefined;
  };
  const totalKb = figure('MemTotal');
  if (totalKb === undefined) throw new Error('/proc/meminfo has no MemTotal');
  const hugePages = {
    total: figure('HugePages_Total') ?? 0,
    free: figure('HugePages_Free') ?? 0,
    sizeKb: figure('Hugepagesize') ?? 0,
  };
  return {
    totalKb: totalKb - hugePages.total * hugePages.sizeKb,
    availableKb: figure('MemAvailable') ?? figure('MemFree') ?? 0,
    hugePages,
  };
}
