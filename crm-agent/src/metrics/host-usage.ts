import { readFile, statfs } from 'node:fs/promises';

/** What the agent's host uses and has. Counters are totals since its start. */
export interface HostUsage {
  /** CPU time of all cores that was not idle, nanoseconds; a counter. */
  readonly cpuNanos: number;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly memoryTotalBytes: number;
  readonly diskBytes: number;
  readonly diskTotalBytes: number;
  readonly netInBytes: number;
  readonly netOutBytes: number;
}

/** Linux reports CPU times to user space in units of 1/100 s. */
const NANOS_PER_TICK = 1e7;

/** Reads the host's figures; `folder` is on the file system that workloads are kept on. */
export async function readHostUsage(folder: string): Promise<HostUsage> {
  const [stat, memory, devices, routes, disk] = await Promise.all([
    readFile('/proc/stat', 'utf8'),
    readFile('/proc/meminfo', 'utf8'),
    readFile('/proc/net/dev', 'utf8'),
    readFile('/proc/net/route', 'utf8'),
    statfs(folder),
  ]);
  return {
    ...parseCpu(stat),
    ...parseMemory(memory),
    ...parseTraffic(devices, routes),
    diskBytes: (disk.blocks - disk.bfree) * disk.bsize,
    diskTotalBytes: disk.blocks * disk.bsize,
  };
}

/** From the text of /proc/stat. Time that a hypervisor or guest took counts as it does in the host's own total. */
export function parseCpu(text: string): { readonly cpuNanos: number; readonly cores: number } {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (/^cpu +(.*)$/m.exec(text)?.[1] ?? '')
    .split(' ')
    .map(Number);
  return {
    cpuNanos: (user + nice + system + irq + softirq) * NANOS_PER_TICK,
    cores: text.match(/^cpu\d+ /gm)?.length ?? 0,
  };
}

/** From the text of /proc/meminfo. In use is what no program could get. */
export function parseMemory(text: string): {
  readonly memoryBytes: number;
  readonly memoryTotalBytes: number;
} {
  const kilobytes = (name: string) => Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0);
  const total = kilobytes('MemTotal');
  return { memoryBytes: (total - kilobytes('MemAvailable')) * 1024, memoryTotalBytes: total * 1024 };
}

/**
 * From the texts of /proc/net/dev and /proc/net/route: what went over the interfaces with a default route, as the same
 * bytes are counted again by bridges and by the ends of containers. Without a default route, over all but loopback.
 */
export function parseTraffic(
  devices: string,
  routes: string,
): { readonly netInBytes: number; readonly netOutBytes: number } {
  const uplinks = new Set(
    routes
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter((columns) => columns[1] === '00000000' && columns[7] === '00000000')
      .map(([name]) => name),
  );
  let netInBytes = 0;
  let netOutBytes = 0;
  for (const [, name, figures = ''] of devices.matchAll(/^ *([^\s:]+): *(\d.*)$/gm)) {
    if (uplinks.size > 0 ? !uplinks.has(name) : name === 'lo') continue;
    const columns = figures.trim().split(/\s+/).map(Number);
    netInBytes += columns[0] ?? 0;
    netOutBytes += columns[8] ?? 0;
  }
  return { netInBytes, netOutBytes };
}
