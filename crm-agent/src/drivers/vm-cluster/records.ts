import type { SshKeyPair } from '../../engines/ssh/index.js';
import type { InstanceState } from '../driver.js';
import type { AppPlan } from './app-plan.js';

const STATES: readonly InstanceState[] = ['creating', 'ready', 'deleting'];

/** What a node is given. */
export interface NodeSize {
  readonly vcpus: number;
  readonly memoryMB: number;
  readonly diskMib: number;
}

/** One machine of a cluster. */
export interface NodeRecord {
  /** `master-1`, `node-2`: its host name. */
  readonly name: string;
  /** Grows with each machine that takes this place; no disk is used by two of them. */
  readonly generation: number;
  /** In the cluster's subnet. */
  readonly address: string;
  readonly size: NodeSize;
  /** Folder of the image it was made from. */
  readonly image: string;
  /** What the machine proves to be itself with: made here, so that it is known before it is first spoken to. */
  readonly hostKey: SshKeyPair;
}

/** What was made of a ClusterInst; written before anything is made, removed after everything is gone. */
export interface ClusterRecord {
  readonly keyJson: string;
  readonly state: InstanceState;
  /** Begins the names of its machines. */
  readonly name: string;
  readonly bridge: string;
  readonly subnet: string;
  /** What the agent proves to be itself with, to nodes of this cluster only. */
  readonly agentKey: SshKeyPair;
  readonly nodes: readonly NodeRecord[];
}

/** Where a replica runs. */
export interface ReplicaRecord {
  readonly index: number;
  /** Name of its node. */
  readonly node: string;
  /** For each port of the plan, the port of the node that leads to it; 0 for those the replica does not serve. */
  readonly nodePorts: readonly number[];
}

/** What was made of an AppInst in a cluster; written before anything is made, removed after everything is gone. */
export interface AppRecord {
  readonly keyJson: string;
  readonly state: InstanceState;
  /** Key JSON of its ClusterInst. */
  readonly cluster: string;
  readonly plan: AppPlan;
  readonly replicas: readonly ReplicaRecord[];
}

/** @throws when the JSON is not such a record. */
export function toClusterRecord(json: unknown): ClusterRecord {
  const record = (json ?? {}) as ClusterRecord;
  const texts = [record.keyJson, record.name, record.bridge, record.subnet, record.agentKey?.privateKey];
  const whole = texts.every((t) => typeof t === 'string') && Array.isArray(record.nodes);
  if (!whole || !STATES.includes(record.state)) throw new Error('not a record of a cluster');
  return record;
}

/** @throws when the JSON is not such a record. */
export function toAppRecord(json: unknown): AppRecord {
  const record = (json ?? {}) as AppRecord;
  const texts = [record.keyJson, record.cluster, record.plan?.name];
  const whole = texts.every((t) => typeof t === 'string') && Array.isArray(record.replicas);
  if (!whole || !STATES.includes(record.state)) throw new Error('not a record of an instance in a cluster');
  return record;
}

/** Name of the workload that a replica is on its node. */
export const replicaName = (plan: AppPlan, index: number): string => `${plan.name}-r${index}`;
