import type { Reach } from './reach.js';

/** Which machine, as its record says. */
export interface MachineKey {
  /** The instance's key JSON, for a node of a cluster with its name behind. */
  readonly keyJson: string;
  /** Key JSON of the instance. */
  readonly owner: string;
}

/** A machine as whoever runs it shows it. */
export type Sight = Present | { readonly state: 'missing' };
export interface Present {
  readonly state: 'on' | 'off';
  readonly reach: Reach;
  /** Whatever else is told, as text by name. */
  readonly facts: ReadonlyMap<string, string>;
}
