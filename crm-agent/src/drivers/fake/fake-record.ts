import type { InstanceState } from '../driver.js';

/** What the fake driver keeps instead of a workload. */
export interface FakeRecord {
  readonly keyJson: string;
  readonly state: InstanceState;
  /** Name that rules are matched with. */
  readonly name: string;
  /** App.annotations; empty for clusters. */
  readonly annotations: string;
}

const STATES: readonly InstanceState[] = ['creating', 'ready', 'deleting'];

/** @throws when the JSON is not such a record. */
export function toFakeRecord(json: unknown): FakeRecord {
  const { keyJson, state, name, annotations } = (json ?? {}) as Record<string, unknown>;
  const known = STATES.find((s) => s === state);
  if (typeof keyJson !== 'string' || !known || typeof name !== 'string' || typeof annotations !== 'string')
    throw new Error(`not a record of a fake instance: ${JSON.stringify(json)}`);
  return { keyJson, state: known, name, annotations };
}
