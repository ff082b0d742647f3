import type { InstanceUsage } from '../driver.js';
import type { MachinePlan } from './machine-plan.js';

const MIB = 1024 ** 2;

/** What a provider tells of what a machine uses, in the names that providers have for it. */
export function usageOf(plan: MachinePlan, facts: ReadonlyMap<string, string>): InstanceUsage {
  const figure = (name: string, unit: number) => {
    const text = facts.get(name);
    const number = text === undefined || text === '' ? Number.NaN : Number(text);
    return Number.isFinite(number) && number >= 0 ? number * unit : undefined;
  };
  return {
    memoryLimitBytes: plan.memoryMib * MIB,
    memoryBytes: figure('memory_usage_mb', MIB) ?? figure('memory_used_bytes', 1),
    cpuNanos: figure('cpu_time_ns', 1),
    diskBytes: figure('disk_used_bytes', 1),
    diskReadBytes: figure('block_read_bytes', 1),
    diskWriteBytes: figure('block_write_bytes', 1),
  };
}
