import {
  HypervisorCapabilities,
  type ListHypervisorsResponseHypervisor,
} from '@edgeplane/proto/southbound/isard/operations/v1/operations.js';
import { isFinished, type OperationLog } from '../../work/index.js';
import type { HostFacts } from '../hypervisors/driver.js';
import type { Inspected, Inspector } from '../hypervisors/inspector.js';
import { shownState } from '../hypervisors/states.js';
import type { Managed } from '../work/hypervisor-work.js';
import { KINDS } from '../work/kinds.js';

const CHANGES: ReadonlySet<string> = new Set([KINDS.createHypervisor, KINDS.destroyHypervisor]);

/** All hypervisors of the inventory, sorted by id, without asking any of them (IsardVDI spec section A5). */
export function listHypervisors(
  hypervisors: ReadonlyMap<string, Managed>,
  inspector: Inspector,
  log: OperationLog,
): ListHypervisorsResponseHypervisor[] {
  const underWay = new Map<string, { readonly id: string; readonly createdMs: number }>();
  for (const record of log.list())
    if (CHANGES.has(record.kind) && !isFinished(record)) underWay.set(record.subject, record);
  return [...hypervisors.keys()].sort().map((id) => {
    const operation = underWay.get(id);
    const seen = inspector.get(id);
    const { state, detail } = shownState(seen?.known ?? NOTHING.known, operation?.id);
    const { facts, runningInstances, sinceMs } = seen ?? NOTHING;
    return {
      ...{ id, ...shownFacts(facts), state },
      ...{ driver: hypervisors.get(id)?.hypervisor.driver ?? '', stateDetail: detail },
      ...{ stateSinceUnixMs: BigInt(operation?.createdMs ?? sinceMs), runningInstances },
      operationId: operation?.id ?? '',
    };
  });
}

const NOTHING: Inspected = {
  known: { condition: undefined, detail: 'not looked at yet' },
  ...{ sinceMs: 0, facts: undefined, runningInstances: 0 },
};

const MIB = 1024 ** 2;

function shownFacts(facts: HostFacts | undefined) {
  const capabilities: HypervisorCapabilities[] = [];
  if (facts?.storage) capabilities.push(HypervisorCapabilities.HYPERVISOR_CAPABILITIES_STORAGE);
  if (facts && facts.gpus.length > 0) capabilities.push(HypervisorCapabilities.HYPERVISOR_CAPABILITIES_GPU);
  return {
    ...{ cpu: facts?.cpus ?? 0, ram: Math.floor((facts?.ramBytes ?? 0) / MIB), capabilities },
    gpus: (facts?.gpus ?? []).map(({ brand, model }) => ({ brand, model })),
    ramBytes: BigInt(facts?.ramBytes ?? 0),
  };
}
