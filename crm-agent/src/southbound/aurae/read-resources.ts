import type { Resources } from '@edgeplane/proto/southbound/aurae/edgeplane/pod/v1/pod-extension.js';
import type { GroupLimits } from '../../engines/podman/index.js';
import { bad, notOffered } from './fields.js';

/** Less than this the runtime itself does not start. */
const LEAST_MEMORY = 6n << 20n;
const MOST = BigInt(Number.MAX_SAFE_INTEGER);
const CPUS = /^\d{1,4}(-\d{1,4})?(,\d{1,4}(-\d{1,4})?)*$/;

/** @throws BAD_FIELD; NOT_OFFERED when the host's kernel enforces no limits */
export function readResources(
  field: string,
  resources: Resources | undefined,
  enforced: boolean,
): GroupLimits {
  if (!resources) return {};
  const { cpuMillis, cpuWeight, memoryBytes, memoryHighBytes, pids, cpuset } = resources;
  const whole = (name: string, value: bigint, least: bigint): number | undefined => {
    if (value === 0n) return undefined;
    if (value < least || value > MOST) throw bad(`${field}.${name}`, `must be 0 or at least ${least}`, value);
    return Number(value);
  };
  const limits = {
    cpuMillis: whole('cpu_millis', cpuMillis, 10n),
    memoryBytes: whole('memory_bytes', memoryBytes, LEAST_MEMORY),
    pids: whole('pids', pids, 1n),
    cpuWeight: cpuWeight === 0 ? undefined : cpuWeight,
    cpuset: cpuset === '' ? undefined : cpuset,
  };
  if (cpuWeight > 10_000) throw bad(`${field}.cpu_weight`, 'must be 0 to 10000', cpuWeight);
  if (cpuset !== '' && !CPUS.test(cpuset)) throw bad(`${field}.cpuset`, 'must be such as 0-2,4', cpuset);
  if (memoryHighBytes !== 0n)
    throw notOffered(`${field}.memory_high_bytes`, 'pods have one limit of memory, memory_bytes');
  const given = Object.entries(limits).filter(([, value]) => value !== undefined);
  if (given.length > 0 && !enforced) throw notOffered(field, 'the kernel of this host enforces no limits');
  return Object.fromEntries(given);
}
