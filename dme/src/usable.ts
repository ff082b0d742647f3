import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';

/** Which instances clients are sent to: all that there are, as the reference does, or those that run. */
export const OFFERS = ['all', 'ready'] as const;
export type OfferRule = (typeof OFFERS)[number];

/** What runs: what is being updated still serves, as it did before. */
const RUNNING: ReadonlySet<TrackedState> = new Set([
  TrackedState.READY,
  TrackedState.UPDATE_REQUESTED,
  TrackedState.UPDATING,
]);

/** Whether an instance in this state is offered to clients. */
export function isOffered(rule: OfferRule, state: TrackedState): boolean {
  return rule === 'all' || RUNNING.has(state);
}
