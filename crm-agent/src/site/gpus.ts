import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostPaths } from './host-paths.js';

/** A display controller of the host. */
export interface Gpu {
  /** PCI address, such as `0000:01:00.0`. */
  readonly address: string;
  /** `10de:2204`: vendor and device. */
  readonly model: string;
  /** What programs open to compute with it; none when its driver offers nothing of that sort, as those of plain screens. */
  readonly nodes: readonly string[];
}

/** PCI base class of display controllers. */
const DISPLAY = '0x03';

/** In order of address. */
export async function findGpus(paths: HostPaths): Promise<readonly Gpu[]> {
  const root = join(paths.sys, 'bus/pci/devices');
  const gpus: Gpu[] = [];
  for (const address of [...(await names(root))].sort()) {
    const dir = join(root, address);
    if (!(await word(join(dir, 'class'))).startsWith(DISPLAY)) continue;
    const [vendor, device] = [await word(join(dir, 'vendor')), await word(join(dir, 'device'))];
    const model = [vendor, device].map((id) => id.replace(/^0x/, '')).join(':');
    gpus.push({ address, model, nodes: await nodesOf(address, dir, paths) });
  }
  return gpus;
}

/** Render nodes of the kernel's graphics drivers, and those of NVIDIA's own one with what all of its GPUs share. */
async function nodesOf(address: string, dir: string, { dev, proc }: HostPaths): Promise<readonly string[]> {
  const render = (await names(join(dir, 'drm'))).filter((name) => /^renderD\d+$/.test(name));
  const text = await word(join(proc, 'driver/nvidia/gpus', address, 'information'));
  const minor = /^Device Minor:\s+(\d+)$/m.exec(text)?.[1];
  const shared = ['nvidiactl', 'nvidia-uvm', 'nvidia-uvm-tools', 'nvidia-modeset'];
  const nvidia = minor === undefined ? [] : [`nvidia${minor}`, ...shared];
  const there = new Set([...(await names(dev)), ...(await names(join(dev, 'dri')))]);
  const own = [...render.map((name) => ['dri', name]), ...nvidia.map((name) => ['', name])];
  return own.filter(([, name = '']) => there.has(name)).map((parts) => join(dev, ...parts));
}

async function names(dir: string): Promise<readonly string[]> {
  return readdir(dir).catch(() => []);
}

async function word(path: string): Promise<string> {
  return (await readFile(path, 'utf8').catch(() => '')).trim();
}
