import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';

const S = TrackedState;

/** What an agent may have reported while the controller shows a state, and what it reports when that is violated. */
export interface ConsistencyRule {
  readonly desired: TrackedState;
  readonly allowed: readonly TrackedState[];
  readonly otherwise: TrackedState;
}

/** Text that is added to the errors of an instance that violates a rule. */
export const INCONSISTENT = 'inconsistent Controller vs CRM state';

/** The agent's consistency rules (match engine and agent spec section 10.2). */
export const CONSISTENCY_RULES: readonly ConsistencyRule[] = [
  { desired: S.CREATING, allowed: [S.CREATING, S.READY], otherwise: S.CREATE_ERROR },
  { desired: S.UPDATING, allowed: [S.UPDATING, S.READY], otherwise: S.UPDATE_ERROR },
  { desired: S.DELETING, allowed: [S.DELETING, S.NOT_PRESENT], otherwise: S.DELETE_ERROR },
];

/** The error state to report, or undefined when controller and agent agree. `reported` is undefined for "nothing". */
export function inconsistency(
  desired: TrackedState,
  reported: TrackedState | undefined,
): TrackedState | undefined {
  const rule = CONSISTENCY_RULES.find((r) => r.desired === desired);
  if (!rule) return undefined;
  if (reported === undefined) return desired === S.DELETING ? undefined : rule.otherwise;
  return rule.allowed.includes(reported) ? undefined : rule.otherwise;
}
