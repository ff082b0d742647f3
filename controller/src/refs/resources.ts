import type { CloudletRefs } from '@edgeplane/proto/edgeproto/refs.js';

/** What one node takes. */
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
  /** Masters and workers. */
  readonly nodes: number;
  /** Undefined when the flavor is not known any more; nothing is counted then. */
  readonly size: NodeSize | undefined;
}

/** Counts a cluster (controller spec sections 13.1 and 16.4). */
export function addCluster(refs: CloudletRefs, use: ClusterUse): CloudletRefs {
  const counted = addNodes(refs, use.size, use.nodes);
  return { ...counted, clusters: [...refs.clusters, { name: use.clusterName }] };
}

/** The inverse; counters stop at zero. */
export function removeCluster(refs: CloudletRefs, use: ClusterUse): CloudletRefs {
  const at = refs.clusters.findIndex((c) => c.name === use.clusterName);
  const counted = addNodes(refs, use.size, -use.nodes);
  return { ...counted, clusters: refs.clusters.filter((_, i) => i !== at) };
}

/** Counts a change of the number of nodes. */
export function addNodes(refs: CloudletRefs, size: NodeSize | undefined, nodes: number): CloudletRefs {
  if (!size || nodes === 0) return refs;
  const n = BigInt(nodes);
  return {
    ...refs,
    usedRam: atLeastZero(refs.usedRam + size.ram * n),
    usedVcores: atLeastZero(refs.usedVcores + size.vcpus * n),
    usedDisk: atLeastZero(refs.usedDisk + size.disk * n),
  };
}

function atLeastZero(value: bigint): bigint {
  return value < 0n ? 0n : value;
}
