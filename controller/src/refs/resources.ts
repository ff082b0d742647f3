import type { CloudletRefs } from '@edgeplane/proto/edgeproto/refs.js';

const UINT64_MAX = 2n ** 64n - 1n;

/** What one node or machine takes. */
export interface NodeSize {
  /** MB. */
  readonly ram: bigint;
  readonly vcpus: bigint;
  /** GB. */
  readonly disk: bigint;
}

/** Compute of one cluster, as the refs of its cloudlet count it. */
export interface ClusterUse {
  readonly clusterName: string;
  /** Masters and workers; 0 is a cluster that is one machine (docker). */
  readonly nodes: number;
  /** Undefined when the flavor is not known any more; nothing is counted then. */
  readonly size: NodeSize | undefined;
}

/** Counts a cluster (controller spec sections 13.1 and 16.4). */
export function addCluster(refs: CloudletRefs, use: ClusterUse): CloudletRefs {
  return { ...countCluster(refs, use, 1), clusters: [...refs.clusters, { name: use.clusterName }] };
}

/** The inverse; counters stop at zero. */
export function removeCluster(refs: CloudletRefs, use: ClusterUse): CloudletRefs {
  const at = refs.clusters.findIndex((c) => c.name === use.clusterName);
  return { ...countCluster(refs, use, -1), clusters: refs.clusters.filter((_, i) => i !== at) };
}

function countCluster(refs: CloudletRefs, { nodes, size }: ClusterUse, sign: 1 | -1): CloudletRefs {
  return nodes === 0 ? addMachines(refs, size, sign) : addNodes(refs, size, sign * nodes);
}

/** Counts a change of the number of nodes. */
export function addNodes(refs: CloudletRefs, size: NodeSize | undefined, nodes: number): CloudletRefs {
  if (!size || nodes === 0) return refs;
  const n = BigInt(nodes);
  return {
    ...refs,
    usedRam: bounded(refs.usedRam + size.ram * n),
    usedVcores: bounded(refs.usedVcores + size.vcpus * n),
    usedDisk: bounded(refs.usedDisk + size.disk * n),
  };
}

/** Counts machines that are no node of a cluster: AppInsts of deployment vm, and clusters that are one machine. */
export function addMachines(refs: CloudletRefs, size: NodeSize | undefined, machines: number): CloudletRefs {
  if (!size || machines === 0) return refs;
  const n = BigInt(machines);
  return {
    ...refs,
    standaloneRam: bounded(refs.standaloneRam + size.ram * n),
    standaloneVcores: bounded(refs.standaloneVcores + size.vcpus * n),
    standaloneDisk: bounded(refs.standaloneDisk + size.disk * n),
  };
}

/** All that is taken of a cloudlet. */
export function totalUse(refs: CloudletRefs): NodeSize {
  return {
    ram: refs.usedRam + refs.standaloneRam,
    vcpus: refs.usedVcores + refs.standaloneVcores,
    disk: refs.usedDisk + refs.standaloneDisk,
  };
}

/** Counters are uint64, and flavors may be as big as that alone: a sum stops at either end. */
export function bounded(value: bigint): bigint {
  if (value < 0n) return 0n;
  return value > UINT64_MAX ? UINT64_MAX : value;
}
