import { availableParallelism } from 'node:os';
import { findGpus } from '../../../site/gpus.js';
import type { HostPaths } from '../../../site/host-paths.js';
import { readMemory } from '../../../site/memory.js';
import type { Gpu, HostFacts } from './driver.js';

/** Makers by their PCI vendor id. */
const BRANDS: Readonly<Record<string, string>> = {
  '10de': 'NVIDIA',
  '1002': 'AMD',
  '8086': 'Intel',
  '1af4': 'Red Hat',
  '1d0f': 'Amazon',
};

/** What this host is made of. GPUs without a driver that computes do not count. */
export async function readHostFacts(paths: HostPaths, storage: boolean): Promise<HostFacts> {
  const memory = await readMemory(paths);
  const hugeKb = memory.hugePages.total * memory.hugePages.sizeKb;
  const gpus = (await findGpus(paths)).filter(({ nodes }) => nodes.length > 0);
  return {
    cpus: availableParallelism(),
    ramBytes: (memory.totalKb + hugeKb) * 1024,
    storage,
    gpus: gpus.map(({ model }) => gpuOf(model)),
  };
}

/** @param model `vendor:device`, as PCI numbers them */
function gpuOf(model: string): Gpu {
  const [vendor = '', device = ''] = model.split(':');
  return { brand: BRANDS[vendor] ?? vendor, model: device };
}
