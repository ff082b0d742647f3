import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findGpus } from './gpus.js';
import type { HostPaths } from './host-paths.js';
import type { Memory } from './memory.js';

/** Something of a host beside processors, memory and disk. */
export interface HostDevice {
  /** `gpu`, `kvm`, `huge-pages` or `numa-node`. */
  readonly kind: string;
  /** Tells it from others of its kind. */
  readonly name: string;
  /** How much of it can be used; 0 when it is there and of no use. */
  readonly count: bigint;
  /** For people. */
  readonly detail: string;
  /** What a workload opens to use it. */
  readonly nodes: readonly string[];
}

/** Whether virtual machines of the host run at full speed, and how that is known. */
export interface Kvm {
  readonly usable: boolean;
  readonly reason: string;
}

/** What the host has, each kind in an order that does not change. */
export async function findDevices(
  paths: HostPaths,
  { hugePages }: Memory,
  kvm: Kvm,
): Promise<readonly HostDevice[]> {
  const gpus = (await findGpus(paths)).map(({ address, model, nodes }) => ({
    ...{ kind: 'gpu', name: address, count: BigInt(Math.min(1, nodes.length)), nodes },
    detail: nodes.length > 0 ? model : `${model}, for which the host has no driver that computes`,
  }));
  const node = join(paths.dev, 'kvm');
  return [
    ...gpus,
    { kind: 'kvm', name: node, count: kvm.usable ? 1n : 0n, detail: kvm.reason, nodes: [node] },
    ...(hugePages.total === 0
      ? []
      : [
          {
            ...{ kind: 'huge-pages', name: `${hugePages.sizeKb}kB`, count: BigInt(hugePages.total) },
            ...{ detail: `${hugePages.free} free`, nodes: [] },
          },
        ]),
    ...(await numaNodes(paths)),
  ];
}

/** None of a host that has one only. */
async function numaNodes({ sys }: HostPaths): Promise<readonly HostDevice[]> {
  const root = join(sys, 'devices/system/node');
  const names = (await readdir(root).catch(() => [])).filter((name) => /^node\d+$/.test(name));
  if (names.length < 2) return [];
  const number = (name: string) => Number(name.slice('node'.length));
  return Promise.all(
    names
      .sort((a, b) => number(a) - number(b))
      .map(async (name) => {
        const cpus = (await readFile(join(root, name, 'cpulist'), 'utf8').catch(() => '')).trim();
        return { kind: 'numa-node', name, count: 1n, detail: `CPUs ${cpus}`, nodes: [] };
      }),
  );
}
