import type { InstanceState } from '../driver.js';

const STATES: readonly InstanceState[] = ['creating', 'ready', 'deleting'];

/** What was made of a ClusterInst. */
export interface ClusterRecord {
  readonly keyJson: string;
  readonly state: InstanceState;
  readonly network: string;
}

export type WorkloadType = 'container' | 'kube' | 'vm';
const TYPES: readonly WorkloadType[] = ['container', 'kube', 'vm'];

/** What was made of an AppInst; written before anything is made, removed after everything is gone. */
export interface AppRecord {
  readonly keyJson: string;
  readonly state: InstanceState;
  readonly type: WorkloadType;
  /** Name of the workload in its engine. */
  readonly name: string;
  /** Key JSON of its ClusterInst; empty for machines. */
  readonly cluster: string;
  /** Hash of the plan it was made from. */
  readonly plan: string;
}

/** @throws when the JSON is not such a record. */
export function toClusterRecord(json: unknown): ClusterRecord {
  const { keyJson, state, network } = (json ?? {}) as Record<string, unknown>;
  const known = STATES.find((s) => s === state);
  if (typeof keyJson !== 'string' || !known || typeof network !== 'string') throw broken(json);
  return { keyJson, state: known, network };
}

/** @throws when the JSON is not such a record. */
export function toAppRecord(json: unknown): AppRecord {
  const { keyJson, state, type, name, cluster, plan } = (json ?? {}) as Record<string, unknown>;
  const known = STATES.find((s) => s === state);
  const sort = TYPES.find((t) => t === type);
  const texts = [keyJson, name, cluster, plan].every((t) => typeof t === 'string');
  if (!known || !sort || !texts) throw broken(json);
  return {
    state: known,
    type: sort,
    ...({ keyJson, name, cluster, plan } as Pick<AppRecord, 'keyJson' | 'name' | 'cluster' | 'plan'>),
  };
}

function broken(json: unknown): Error {
  return new Error(`not a record of a local instance: ${JSON.stringify(json)}`);
}
