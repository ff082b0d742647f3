import type { ContainerStats } from './api-types.js';

/** What a workload uses, over all of its containers. Counters grow until a container restarts. */
export interface WorkloadUsage {
  readonly cpuNanos: number;
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number;
  readonly netInBytes: number;
  readonly netOutBytes: number;
  readonly blockReadBytes: number;
  readonly blockWriteBytes: number;
  readonly pids: number;
}

/**
 * Adds up. Containers of a pod share one network namespace and each reports all its traffic, so traffic comes from the
 * `infra` containers alone where there are any; these count for nothing else.
 */
export function addUsage(stats: readonly ContainerStats[], infra: ReadonlySet<string>): WorkloadUsage {
  const own = stats.filter((s) => !infra.has(s.ContainerID));
  const traffic = infra.size > 0 ? stats.filter((s) => infra.has(s.ContainerID)) : own;
  const sum = (of: readonly ContainerStats[], pick: (s: ContainerStats) => number) =>
    of.reduce((total, s) => total + pick(s), 0);
  return {
    cpuNanos: sum(own, (s) => s.CPUNano),
    memoryBytes: sum(own, (s) => s.MemUsage),
    memoryLimitBytes: sum(own, (s) => s.MemLimit),
    netInBytes: sum(traffic, (s) => s.NetInput),
    netOutBytes: sum(traffic, (s) => s.NetOutput),
    blockReadBytes: sum(own, (s) => s.BlockInput),
    blockWriteBytes: sum(own, (s) => s.BlockOutput),
    pids: sum(own, (s) => s.PIDs),
  };
}
