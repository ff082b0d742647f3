import type { InstanceState } from '../driver.js';
import type { WantedPort } from '../remote/reach.js';
import type { MachinePlan } from './machine-plan.js';

const STATES: readonly InstanceState[] = ['creating', 'ready', 'deleting'];

/** What was made of a ClusterInst; written before anything is made, removed after everything is gone. */
export interface ClusterRecord {
  readonly keyJson: string;
  readonly state: InstanceState;
  /** Names of its nodes. */
  readonly nodes: readonly string[];
}

/** What was made of an AppInst; written before anything is made, removed after everything is gone. */
export interface AppRecord {
  readonly keyJson: string;
  readonly state: InstanceState;
  readonly ports: readonly WantedPort[];
}

/** A machine at the provider; written before it is asked for, removed after it is gone. */
export interface MachineRecord {
  /** The instance's key JSON, for a node of a cluster with its name behind. */
  readonly keyJson: string;
  /** Key JSON of the instance. */
  readonly owner: string;
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
  return checked(record, Array.isArray(record.nodes) && STATES.includes(record.state));
}

/** @throws when the JSON is not such a record. */
export function toAppRecord(json: unknown): AppRecord {
  const record = (json ?? {}) as AppRecord;
  return checked(record, Array.isArray(record.ports) && STATES.includes(record.state));
}

/** @throws when the JSON is not such a record. */
export function toMachineRecord(json: unknown): MachineRecord {
  const record = (json ?? {}) as MachineRecord;
  const texts = [record.owner, record.id, record.task, record.plan?.name];
  return checked(
    record,
    texts.every((text) => typeof text === 'string') && typeof record.asked === 'boolean',
  );
}

function checked<T extends { readonly keyJson: string }>(record: T, whole: boolean): T {
  if (whole && typeof record.keyJson === 'string') return record;
  throw new Error('not a record of something at a provider');
}
