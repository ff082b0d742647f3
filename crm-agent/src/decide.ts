import { inconsistency } from '@edgeplane/lifecycle';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';

/** What is known of one instance when its work runs. */
export interface Situation {
  /** State the controller last sent; undefined when the object is not among those it sent. */
  readonly desired: TrackedState | undefined;
  /** State this agent last reported since it started; undefined when it has reported none. */
  readonly reported: TrackedState | undefined;
  /** The driver has it and it works. */
  readonly present: boolean;
  /** Its deletion was reported on the present connection. */
  readonly deletionReported: boolean;
  /**
   * Its creation was begun, here or by an earlier run, and the controller has not been heard to know: it may have given up
   * waiting before the first report came.
   */
  readonly unanswered: boolean;
  /** The driver can change instances of this sort. */
  readonly updates: boolean;
}

export type Decision =
  | { readonly do: 'nothing' }
  | { readonly do: 'create' }
  | { readonly do: 'update' }
  | { readonly do: 'delete' }
  /** Report READY without touching anything. */
  | { readonly do: 'report-ready' }
  /** Take back a creation that the controller gave up: remove what there is of it. */
  | { readonly do: 'withdraw' }
  /** Drop a report of a failure that nobody waits for. */
  | { readonly do: 'forget' }
  /** Report this error state with the consistency text. */
  | { readonly do: 'inconsistent'; readonly state: TrackedState };

const NOTHING: Decision = { do: 'nothing' };
const CREATE: Decision = { do: 'create' };
const DELETE: Decision = { do: 'delete' };

/**
 * What to do about an instance: the rules of spec sections 10.2 and 10.3, with restart in mind. No work on the instance
 * is running when this is asked, so a transient report of our own (CREATING and the like) means work that was cut off.
 *
 * Where the reference calls a transient state without a report inconsistent, or stays silent, we do the work again: that
 * is what a restarted agent meets. An object that vanished is never an order to delete what the controller knew to be there;
 * what it never heard of it would never ask for again.
 */
export function decide(s: Situation): Decision {
  switch (s.desired) {
    case undefined:
      if (s.unanswered) return { do: 'withdraw' };
      return s.reported === TrackedState.CREATE_ERROR && !s.present ? { do: 'forget' } : NOTHING;
    case TrackedState.CREATE_REQUESTED:
      // Also when READY was reported: creating what is there costs little, and replaces what was made from another request.
      return CREATE;
    case TrackedState.CREATING:
      return decideCreating(s);
    case TrackedState.READY:
      if (s.reported === TrackedState.READY) return NOTHING;
      // Also after a failed delete that the controller undid: whatever is left gets completed.
      return s.present ? { do: 'report-ready' } : CREATE;
    case TrackedState.UPDATE_REQUESTED:
      return s.updates ? { do: 'update' } : NOTHING;
    case TrackedState.UPDATING:
      return decideUpdating(s);
    case TrackedState.DELETE_REQUESTED:
      return DELETE;
    case TrackedState.DELETING:
      return decideDeleting(s);
    default:
      return NOTHING;
  }
}

/**
 * Whether an instance is to run by what the controller last sent to an earlier run of this agent. Only that much is
 * believed until the controller is heard: it may have changed or deleted the instance since.
 */
export function isToRun(desired: TrackedState): boolean {
  return TO_RUN.has(desired);
}

/** Not what was being created: that may have failed since, and nobody relies on it yet. */
const TO_RUN: ReadonlySet<TrackedState> = new Set([
  TrackedState.READY,
  TrackedState.UPDATE_REQUESTED,
  TrackedState.UPDATING,
]);

function decideCreating(s: Situation): Decision {
  switch (s.reported) {
    case undefined:
    case TrackedState.CREATING:
      return CREATE;
    case TrackedState.CREATE_ERROR:
      // Our report crossed the controller's notice.
      return NOTHING;
    default:
      return checkConsistency(s);
  }
}

function decideUpdating(s: Situation): Decision {
  switch (s.reported) {
    case undefined:
    case TrackedState.UPDATING:
      return s.updates ? { do: 'update' } : { do: 'inconsistent', state: TrackedState.UPDATE_ERROR };
    case TrackedState.UPDATE_ERROR:
      return NOTHING;
    default:
      return checkConsistency(s);
  }
}

function decideDeleting(s: Situation): Decision {
  switch (s.reported) {
    case undefined:
      return s.deletionReported ? NOTHING : DELETE;
    case TrackedState.DELETING:
      return DELETE;
    case TrackedState.DELETE_ERROR:
      return NOTHING;
    default:
      return checkConsistency(s);
  }
}

function checkConsistency({ desired, reported }: Situation): Decision {
  const state = desired === undefined ? undefined : inconsistency(desired, reported);
  return state === undefined ? NOTHING : { do: 'inconsistent', state };
}
