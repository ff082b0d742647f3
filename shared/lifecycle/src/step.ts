import { fail } from '@edgeplane/base';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { lifecycleErrors } from './errors.js';
import { NO_OVERRIDES, type OverrideEffects } from './override.js';
import { type Actor, type Condition, type InstanceKind, type Move, TRACKED_MOVES } from './tracked-moves.js';
import { isError, trackedStateName } from './tracked-states.js';

/** One wish to move an instance. */
export interface Step {
  readonly kind: InstanceKind;
  readonly from: TrackedState;
  readonly actor: Actor;
  readonly to: TrackedState;
  /** What the call's override allows; nothing by default. */
  readonly overrides?: OverrideEffects;
}

const index = new Map<string, Move[]>();
for (const move of TRACKED_MOVES) {
  for (const kind of move.kinds) {
    const key = `${kind} ${move.actor} ${move.from} ${move.to}`;
    index.set(key, [...(index.get(key) ?? []), move]);
  }
}

/** Whether the table allows the move. */
export function canStep(step: Step): boolean {
  const moves = index.get(`${step.kind} ${step.actor} ${step.from} ${step.to}`) ?? [];
  return moves.some((move) => holds(move.when, step.overrides ?? NO_OVERRIDES));
}

/**
 * The new state.
 * @throws EdgeplaneError ILLEGAL_MOVE when the table does not allow the move.
 */
export function step(wish: Step): TrackedState {
  if (canStep(wish)) return wish.to;
  throw fail(lifecycleErrors.ILLEGAL_MOVE, {
    kind: wish.kind,
    actor: wish.actor,
    from: trackedStateName(wish.from),
    to: trackedStateName(wish.to),
  });
}

/**
 * What an agent's report makes of an instance, or undefined when the report is to be ignored (controller spec section
 * 15.2). Agents of the reference call a failed update DELETE_ERROR; it is taken for what it is.
 */
export function stepByReport(
  kind: InstanceKind,
  from: TrackedState,
  reported: TrackedState,
): TrackedState | undefined {
  const updating = from === TrackedState.UPDATE_REQUESTED || from === TrackedState.UPDATING;
  const to = updating && reported === TrackedState.DELETE_ERROR ? TrackedState.UPDATE_ERROR : reported;
  return canStep({ kind, from, actor: 'agent', to }) ? to : undefined;
}

/** Errors to keep in a state: those reported in an error state, none in any other. */
export function errorsIn(state: TrackedState, reported: readonly string[]): string[] {
  return isError(state) ? [...reported] : [];
}

function holds(when: Condition, overrides: OverrideEffects): boolean {
  switch (when) {
    case 'always':
      return true;
    case 'without-agent':
      return overrides.ignoresAgent;
    case 'takeover':
      return overrides.takesOver;
    case 'takeover-without-agent':
      return overrides.takesOver && overrides.ignoresAgent;
    case 'ignore-errors':
      return overrides.ignoresAgentErrors;
  }
}
