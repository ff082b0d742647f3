import { fail } from '@edgeplane/base';
import { hostName } from '../../host-names.js';
import type { KeyedRecord } from '../../records.js';
import { auraeErrors } from './errors.js';
import type { PodSpec, PortSpec } from './pod-spec.js';

/** A pod as it is kept on disk, written before anything of it is made. May hold secrets of its environment: mode 0600. */
export interface PodRecord extends KeyedRecord {
  readonly uid: string;
  readonly name: string;
  readonly tenant: string;
  /** Key of the caller whose own pod it is; empty for pods with a name of their own. */
  readonly ownerOf: string;
  /** On the host. */
  readonly hostName: string;
  readonly stage: 'allocating' | 'allocated' | 'freeing';
  readonly spec: PodSpec;
  /** Ports with those that the host chose. */
  readonly ports: readonly PortSpec[];
  /** Of what Allocate was given: a repetition is compared with it. */
  readonly allocatedHash: string;
  /** Of what there is to be now. */
  readonly specHash: string;
  readonly generation: number;
  /** Names of the containers that are to run, or to have run. */
  readonly wanted: readonly string[];
  /** Restarts by liveness probes since the last start, by container. */
  readonly restarts: Readonly<Record<string, number>>;
  /** Why it is not where it should be; empty when it is. */
  readonly message: string;
}

/** What a pod is found by: its tenant's name for it. */
export const podKey = (tenant: string, name: string): string => JSON.stringify([tenant, name]);

/** The pod's name on the host: the same after it was freed and allocated again. */
export const nameOnHost = (tenant: string, name: string): string => hostName([name], podKey(tenant, name));

/** The network that the pods of a tenant share. */
export const tenantNetwork = (tenant: string): string => hostName(['pods'], `tenant ${tenant}`);

const TEXTS = [
  'keyJson',
  'uid',
  'name',
  'tenant',
  'ownerOf',
  'hostName',
  'allocatedHash',
  'specHash',
  'message',
];

/** @throws RECORD_BROKEN naming the member */
export function toPodRecord(json: unknown): PodRecord {
  const members = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  const need = (name: string, good: boolean) => {
    if (!good) throw fail(auraeErrors.RECORD_BROKEN, { reason: `${name} is not what it should be` });
  };
  for (const name of TEXTS) need(name, typeof members[name] === 'string');
  need('stage', ['allocating', 'allocated', 'freeing'].includes(String(members['stage'])));
  need('spec', typeof members['spec'] === 'object' && members['spec'] !== null);
  for (const name of ['ports', 'wanted']) need(name, Array.isArray(members[name]));
  return json as PodRecord;
}
