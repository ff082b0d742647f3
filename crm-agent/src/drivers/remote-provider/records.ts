import type { InstanceState } from '../driver.js';
import { checkedRecord, INSTANCE_STATES } from '../remote/app-record.js';
import type { MachineKey } from '../remote/sight.js';
import type { MachinePlan } from './machine-plan.js';

/** What was made of a ClusterInst; written before anything is made, removed after everything is gone. */
export interface ClusterRecord {
  readonly keyJson: string;
  readonly state: InstanceState;
  /** Names of its nodes. */
  readonly nodes: readonly string[];
}

/** A machine at the provider; written before it is asked for, removed after it is gone. */
export interface MachineRecord extends MachineKey {
  readonly plan: MachinePlan;
  /** The provider's; empty while it is not known. */
  readonly id: string;
  /** Whether a call that makes it has been begun: it may be there although no id is known. */
  readonly asked: boolean;
  /** What the provider is doing with it; empty: nothing that we know of. */
  readonly task: string;
}

/** @throws when the JSON is not such a record. */
export function toClusterRecord(json: unknown): ClusterRecord {
  const record = (json ?? {}) as ClusterRecord;
  return checkedRecord(record, Array.isArray(record.nodes) && INSTANCE_STATES.includes(record.state));
}

/** @throws when the JSON is not such a record. */
export function toMachineRecord(json: unknown): MachineRecord {
  const record = (json ?? {}) as MachineRecord;
  const texts = [record.owner, record.id, record.task, record.plan?.name];
  return checkedRecord(
    record,
    texts.every((text) => typeof text === 'string') && typeof record.asked === 'boolean',
  );
}
