import type { InstanceState } from '../driver.js';
import { checkedRecord, INSTANCE_STATES } from '../remote/app-record.js';
import type { MachineKey } from '../remote/sight.js';
import type { MicrovmPlan } from './microvm-plan.js';

/** A ClusterInst: nothing is made of it, as each machine has a network of its own. */
export interface ClusterRecord {
  readonly keyJson: string;
  readonly state: InstanceState;
}

/** A microVM; written before a host is asked for it, removed after it is gone. */
export interface MicrovmRecord extends MachineKey {
  readonly plan: MicrovmPlan;
  /** Address of the host that it is on, or goes to; empty: not chosen yet. It stays there. */
  readonly host: string;
  /** The host's own id of it; empty while it is not known. */
  readonly uid: string;
  /** Its address in the host's network; empty: none. */
  readonly ip: string;
  /** Whether the call that makes it has been begun: it may be there although no id is known. */
  readonly asked: boolean;
}

/** @throws when the JSON is not such a record. */
export function toClusterRecord(json: unknown): ClusterRecord {
  const record = (json ?? {}) as ClusterRecord;
  return checkedRecord(record, INSTANCE_STATES.includes(record.state));
}

/** @throws when the JSON is not such a record. */
export function toMicrovmRecord(json: unknown): MicrovmRecord {
  const record = (json ?? {}) as MicrovmRecord;
  const texts = [record.owner, record.host, record.uid, record.ip, record.plan?.name];
  return checkedRecord(
    record,
    texts.every((text) => typeof text === 'string') && typeof record.asked === 'boolean',
  );
}
