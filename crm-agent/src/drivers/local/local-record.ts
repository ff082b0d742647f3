import type { InstanceState } from '../driver.js';
import type { WorkloadKind } from './platform.js';

const STATES: readonly InstanceState[] = ['creating', 'ready', 'deleting'];

/** What was made of a ClusterInst. */
export interface ClusterRecord {
  readonly keyJson: string;
  readonly state: InstanceState;
  readonly network: string;
}

export type WorkloadType = WorkloadKind;
const TYPES: readonly WorkloadType[] = ['container', 'kube', 'vm', 'microvm'];

/** Whether it is QEMU's. */
export const isMachine = ({ type }: { readonly type: WorkloadType }): boolean =>
  type === 'vm' || type === 'microvm';

/** What was made of an AppInst; written before anything is made, removed after everything is gone. */
export interface AppRecord {
  readonly keyJson: string;
  readonly state: InstanceState;
  readonly type: WorkloadType;
  /** Name of the workload in its engine. */
  readonly name: string;
  /** Key JSON of its ClusterInst; empty for deployment vm. */
  readonly cluster: string;
  /** Hash of the plan it was made from. */
  readonly plan: string;
  /** Where the load balancer finds its HTTP ports: by port of the workload, that of the host. */
  readonly inner: readonly (readonly [number, number])[];
  /** Names of the host's devices that it has. */
  readonly devices: readonly string[];
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
  const { keyJson, state, type, name, cluster, plan, ...rest } = (json ?? {}) as Record<string, unknown>;
  // Records of older agents have neither.
  const { inner = [], devices = [] } = rest;
  const known = STATES.find((s) => s === state);
  const sort = TYPES.find((t) => t === type);
  const texts = [keyJson, name, cluster, plan].every((t) => typeof t === 'string');
  if (!known || !sort || !texts || !isListOf(inner, isPair) || !isListOf(devices, isText)) throw broken(json);
  return {
    state: known,
    type: sort,
    inner,
    devices,
    ...({ keyJson, name, cluster, plan } as Pick<AppRecord, 'keyJson' | 'name' | 'cluster' | 'plan'>),
  };
}

function isListOf<T>(value: unknown, isItem: (item: unknown) => item is T): value is readonly T[] {
  return Array.isArray(value) && value.every(isItem);
}

const isText = (item: unknown): item is string => typeof item === 'string';

function isPair(item: unknown): item is readonly [number, number] {
  return Array.isArray(item) && item.length === 2 && item.every(Number.isInteger);
}

function broken(json: unknown): Error {
  return new Error(`not a record of a local instance: ${JSON.stringify(json)}`);
}
