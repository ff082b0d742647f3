import type { OverrideEffects } from '@edgeplane/lifecycle';
import type { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import type { StoredType } from '../db/stored-type.js';

/**
 * An operation on an instance that is under way. It is stored in the transaction that begins it and removed by the one that
 * ends it, so that it outlives the controller that began it.
 */
export interface Operation {
  /** No other operation has it. */
  readonly id: string;
  readonly instance: InstanceName;
  /** Key JSON of the instance. */
  readonly key: string;
  readonly work: 'create' | 'update' | 'delete';
  /** The controller that brings it to its end: an {@link Owner}'s id. */
  readonly owner: string;
  /** When its time is up, milliseconds since 1970. */
  readonly until: number;
  /** A failure of the agent counts as success. */
  readonly ignoresAgentErrors: boolean;
  /** Its auto-cluster has to go when a create fails, or after a delete. */
  readonly autoCluster: boolean;
  /** State of a ClusterInst before its delete was prepared. */
  readonly before?: TrackedState;
}

export type InstanceName = 'AppInst' | 'ClusterInst';

/** What names an operation: there is at most one on an instance. */
export type OperationKey = Pick<Operation, 'instance' | 'key'>;

/** A living controller: stored under its lease, so it is gone when the controller is. */
export interface Owner {
  readonly id: string;
}

const operationKey = ({ instance, key }: OperationKey) => `["${instance}",${key}]`;

export const OPERATION: StoredType<Operation, OperationKey> = {
  name: 'Operation',
  keyJson: operationKey,
  keyJsonOf: operationKey,
  toStored: (operation) => JSON.stringify(operation),
  fromStored: (text) => JSON.parse(text) as Operation,
};

export const OWNER: StoredType<Owner, Owner> = {
  name: 'OperationOwner',
  keyJson: ({ id }) => JSON.stringify({ id }),
  keyJsonOf: ({ id }) => JSON.stringify({ id }),
  toStored: (owner) => JSON.stringify(owner),
  fromStored: (text) => JSON.parse(text) as Owner,
};

/** How a successor treats the agent: as the one that began the operation would. */
export function overridesOf({ ignoresAgentErrors }: Operation): OverrideEffects {
  return { ignoresAgent: false, ignoresAgentErrors, takesOver: false };
}
