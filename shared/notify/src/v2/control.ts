import type { Nack } from '@edgeplane/proto/edgeplane/notify.js';

/** Everything that goes out besides changes and their marks; sent whatever the window. */
export interface Control {
  ack: number;
  nacks: Nack[];
  /** By place; of a type only the last is wanted. */
  buckets: Map<number, readonly number[]>;
  parts: Buffer[];
}
