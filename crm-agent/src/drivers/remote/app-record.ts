import type { InstanceState } from '../driver.js';
import type { WantedPort } from './reach.js';

export const INSTANCE_STATES: readonly InstanceState[] = ['creating', 'ready', 'deleting'];

/** What was made of an AppInst; written before anything is made, removed after everything is gone. */
export interface AppRecord {
  readonly keyJson: string;
  readonly state: InstanceState;
  readonly ports: readonly WantedPort[];
}

/** @throws when the JSON is not such a record. */
export function toAppRecord(json: unknown): AppRecord {
  const record = (json ?? {}) as AppRecord;
  return checkedRecord(record, Array.isArray(record.ports) && INSTANCE_STATES.includes(record.state));
}

/** @throws unless it is whole and has a key */
export function checkedRecord<T extends { readonly keyJson: string }>(record: T, whole: boolean): T {
  if (whole && typeof record.keyJson === 'string') return record;
  throw new Error('not a record of something remote');
}
