import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { TRACKED_STATES } from './tracked-states.js';

const S = TrackedState;

export type InstanceKind = 'ClusterInst' | 'AppInst';

/** Who moves an instance: the caller of an operation, the cloudlet's agent, or the controller on its own. */
export type Actor = 'user' | 'agent' | 'controller';

/** When a move is allowed, beyond its two ends. */
export type Condition =
  | 'always'
  /** The call ignores the agent, or there is none (default cloudlet). */
  | 'without-agent'
  /** The call takes over an operation under way (transient override). */
  | 'takeover'
  | 'takeover-without-agent'
  /** The call ignores failures of the agent. */
  | 'ignore-errors';

/** One allowed move. NOT_PRESENT stands for "not stored". */
export interface Move {
  readonly kinds: readonly InstanceKind[];
  readonly from: TrackedState;
  readonly actor: Actor;
  readonly to: TrackedState;
  readonly when: Condition;
  readonly why: string;
}

const BOTH = ['ClusterInst', 'AppInst'] as const;
const CLUSTER = ['ClusterInst'] as const;
const APP = ['AppInst'] as const;

function moves(
  kinds: readonly InstanceKind[],
  actor: Actor,
  from: readonly TrackedState[],
  to: TrackedState,
  why: string,
  when: Condition = 'always',
): Move[] {
  return from.map((state) => ({ kinds, from: state, actor, to, when, why }));
}

const TRANSIENT = TRACKED_STATES.filter((r) => r.transient).map((r) => r.state);
const ERRORS = TRACKED_STATES.filter((r) => r.error).map((r) => r.state);
const DELETABLE = [S.READY, S.CREATE_ERROR, S.UPDATE_ERROR] as const;

/** Every allowed move of an instance (controller spec sections 13, 14 and 15); what is not here is refused. */
export const TRACKED_MOVES: readonly Move[] = [
  ...moves(BOTH, 'user', [S.NOT_PRESENT], S.CREATE_REQUESTED, 'create'),
  ...moves(BOTH, 'user', [S.DELETE_ERROR], S.CREATE_REQUESTED, 'create over a failed delete rebuilds'),
  ...moves(BOTH, 'user', TRANSIENT, S.CREATE_REQUESTED, 'create over an operation under way', 'takeover'),
  ...moves(BOTH, 'user', [S.NOT_PRESENT, S.DELETE_ERROR], S.READY, 'create', 'without-agent'),
  ...moves(BOTH, 'user', TRANSIENT, S.READY, 'create over an operation under way', 'takeover-without-agent'),
  ...moves(BOTH, 'user', [S.READY, S.UPDATE_ERROR], S.UPDATE_REQUESTED, 'update'),
  ...moves(
    CLUSTER,
    'user',
    [...DELETABLE, S.DELETE_PREPARE],
    S.DELETE_PREPARE,
    'delete; keeps new AppInsts out',
  ),
  ...moves(CLUSTER, 'user', TRANSIENT, S.DELETE_PREPARE, 'delete over an operation under way', 'takeover'),
  ...moves(APP, 'user', [...DELETABLE, S.DELETE_ERROR], S.DELETE_REQUESTED, 'delete'),
  ...moves(APP, 'user', TRANSIENT, S.DELETE_REQUESTED, 'delete over an operation under way', 'takeover'),
  ...moves(APP, 'user', [...DELETABLE, S.DELETE_ERROR], S.NOT_PRESENT, 'delete', 'without-agent'),
  ...moves(
    APP,
    'user',
    TRANSIENT,
    S.NOT_PRESENT,
    'delete over an operation under way',
    'takeover-without-agent',
  ),

  ...moves(BOTH, 'agent', [S.CREATE_REQUESTED], S.CREATING, 'begins to create'),
  ...moves(BOTH, 'agent', [S.CREATE_REQUESTED, S.CREATING], S.READY, 'created'),
  ...moves(BOTH, 'agent', [S.CREATE_REQUESTED, S.CREATING], S.CREATE_ERROR, 'creating failed'),
  ...moves(BOTH, 'agent', [S.UPDATE_REQUESTED], S.UPDATING, 'begins to change'),
  ...moves(BOTH, 'agent', [S.UPDATE_REQUESTED, S.UPDATING], S.READY, 'changed'),
  ...moves(BOTH, 'agent', [S.UPDATE_REQUESTED, S.UPDATING], S.UPDATE_ERROR, 'changing failed'),
  ...moves(BOTH, 'agent', [S.DELETE_REQUESTED], S.DELETING, 'begins to delete'),
  ...moves(BOTH, 'agent', [S.DELETE_REQUESTED, S.DELETING], S.NOT_PRESENT, 'deleted'),
  ...moves(BOTH, 'agent', [S.DELETE_REQUESTED, S.DELETING], S.DELETE_ERROR, 'deleting failed'),

  ...moves(BOTH, 'controller', [S.UPDATE_REQUESTED], S.READY, 'nobody is asked to update', 'without-agent'),
  ...moves(APP, 'controller', [S.UPDATE_REQUESTED], S.UPDATE_ERROR, 'the agent did not begin: as before'),
  ...moves(CLUSTER, 'controller', [S.DELETE_PREPARE], S.DELETE_REQUESTED, 'nothing is left on it'),
  ...moves(
    CLUSTER,
    'controller',
    [S.DELETE_PREPARE],
    S.NOT_PRESENT,
    'nothing is left on it',
    'without-agent',
  ),
  ...moves(
    CLUSTER,
    'controller',
    [S.DELETE_PREPARE],
    S.READY,
    'what is on it could not be deleted: as before',
  ),
  ...moves(
    CLUSTER,
    'controller',
    [S.DELETE_PREPARE],
    S.CREATE_ERROR,
    'what is on it could not be deleted: as before',
  ),
  ...moves(
    CLUSTER,
    'controller',
    [S.DELETE_PREPARE],
    S.UPDATE_ERROR,
    'what is on it could not be deleted: as before',
  ),
  ...moves(
    BOTH,
    'controller',
    [S.CREATE_ERROR, S.CREATE_REQUESTED],
    S.NOT_PRESENT,
    'undo of a failed create',
  ),
  ...moves(BOTH, 'controller', [S.DELETE_ERROR, S.DELETE_REQUESTED], S.READY, 'undo of a failed delete'),
  ...moves(
    BOTH,
    'controller',
    [...ERRORS, S.CREATE_REQUESTED],
    S.READY,
    'create, whatever the agent says',
    'ignore-errors',
  ),
  ...moves(
    BOTH,
    'controller',
    [...ERRORS, S.DELETE_REQUESTED],
    S.NOT_PRESENT,
    'delete, whatever the agent says',
    'ignore-errors',
  ),
];
