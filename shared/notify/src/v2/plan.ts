import type { Held as WireHeld } from '@edgeplane/proto/edgeplane/notify.js';
import type { Digest } from './digest.js';

/** How a receiver that holds something is brought into step (docs/notify-protocol.md, Synchronising). */
export type Plan = 'nothing' | 'all' | 'since' | 'ask';

/** What a sender has to go by. */
export interface PlanInput {
  readonly held: WireHeld | undefined;
  readonly view: Digest;
  readonly lineage: string;
  /** Up to which revision the sender is. */
  readonly revision: number;
}

/** `ask` leaves it to the receiver to find its digest different, and to ask for the buckets that differ. */
export function planOf({ held, view, lineage, revision }: PlanInput): Plan {
  if (view.equals(held?.digest)) return 'nothing';
  if (!held?.digest || held.digest.count === 0) return 'all';
  const cursor = Number(held.revision);
  return held.lineage === lineage && cursor > 0 && cursor <= revision ? 'since' : 'ask';
}
