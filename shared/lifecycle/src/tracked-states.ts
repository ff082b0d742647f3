import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';

const S = TrackedState;

/** One state of an instance. */
export interface TrackedStateRow {
  readonly state: TrackedState;
  /** Spelling in stored values and stream messages. */
  readonly name: string;
  /** Some operation is under way; a transient override may take over. */
  readonly transient: boolean;
  /** The last operation failed; `errors` of the object says why. */
  readonly error: boolean;
  /** A caller of a streaming operation is told when the instance enters it. */
  readonly streamed: boolean;
  readonly about: string;
}

function row(
  state: TrackedState,
  name: string,
  kind: 'stable' | 'transient' | 'error',
  about: string,
  streamed = true,
): TrackedStateRow {
  return { state, name, transient: kind === 'transient', error: kind === 'error', streamed, about };
}

/** Every state, in number order (controller spec sections 5 and 15.3). */
export const TRACKED_STATES: readonly TrackedStateRow[] = [
  row(S.TRACKED_STATE_UNKNOWN, 'TrackedStateUnknown', 'stable', 'not said; no stored instance has it', false),
  row(S.NOT_PRESENT, 'NotPresent', 'stable', 'there is no such instance'),
  row(S.CREATE_REQUESTED, 'CreateRequested', 'transient', 'to be created; the agent has not begun', false),
  row(S.CREATING, 'Creating', 'transient', 'the agent is creating it'),
  row(S.CREATE_ERROR, 'CreateError', 'error', 'creating failed'),
  row(S.READY, 'Ready', 'stable', 'it runs'),
  row(S.UPDATE_REQUESTED, 'UpdateRequested', 'transient', 'to be changed; the agent has not begun', false),
  row(S.UPDATING, 'Updating', 'transient', 'the agent is changing it'),
  row(S.UPDATE_ERROR, 'UpdateError', 'error', 'changing failed'),
  row(S.DELETE_REQUESTED, 'DeleteRequested', 'transient', 'to be deleted; the agent has not begun', false),
  row(S.DELETING, 'Deleting', 'transient', 'the agent is deleting it'),
  row(S.DELETE_ERROR, 'DeleteError', 'error', 'deleting failed'),
  row(S.DELETE_PREPARE, 'DeletePrepare', 'transient', 'instances on it are being deleted first'),
];

const byState = new Map(TRACKED_STATES.map((r) => [r.state, r]));

/** `CREATE_REQUESTED` -> `CreateRequested`; the decimal number when it is unknown. */
export function trackedStateName(state: TrackedState): string {
  return byState.get(state)?.name ?? String(state);
}

export function isTransient(state: TrackedState): boolean {
  return byState.get(state)?.transient ?? false;
}

export function isError(state: TrackedState): boolean {
  return byState.get(state)?.error ?? false;
}

/** Whether entering the state is told to the caller; requests are not, the caller made them. */
export function isStreamed(state: TrackedState): boolean {
  return byState.get(state)?.streamed ?? true;
}
