import { CRMOverride, TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { inconsistency } from './consistency.js';
import { NO_OVERRIDES, overrideEffects } from './override.js';
import { canStep, errorsIn, step, stepByReport } from './step.js';
import { type InstanceKind, TRACKED_MOVES } from './tracked-moves.js';
import { isError, isTransient, TRACKED_STATES, trackedStateName } from './tracked-states.js';

const S = TrackedState;
const STATES = TRACKED_STATES.map((r) => r.state);
const KINDS: readonly InstanceKind[] = ['ClusterInst', 'AppInst'];
const TAKEOVER = overrideEffects(CRMOverride.IGNORE_CRM_AND_TRANSIENT_STATE);

/** Controller spec section 15.1, the agent's rows. */
const BY_AGENT: Readonly<Record<number, readonly TrackedState[]>> = {
  [S.CREATE_REQUESTED]: [S.CREATING, S.READY, S.CREATE_ERROR],
  [S.CREATING]: [S.READY, S.CREATE_ERROR],
  [S.UPDATE_REQUESTED]: [S.UPDATING, S.READY, S.UPDATE_ERROR],
  [S.UPDATING]: [S.READY, S.UPDATE_ERROR],
  [S.DELETE_REQUESTED]: [S.DELETING, S.NOT_PRESENT, S.DELETE_ERROR],
  [S.DELETING]: [S.NOT_PRESENT, S.DELETE_ERROR],
};

test('agents move what the table of the spec says, and nothing else', () => {
  for (const kind of KINDS) {
    for (const from of STATES) {
      for (const to of STATES) {
        const want = BY_AGENT[from]?.includes(to) ?? false;
        assert.is(
          canStep({ kind, from, actor: 'agent', to }),
          want,
          `${trackedStateName(from)} ${trackedStateName(to)}`,
        );
        if (want) assert.is(stepByReport(kind, from, to), to);
      }
    }
  }
});

test('a failed update reported as DELETE_ERROR is an UPDATE_ERROR', () => {
  assert.is(stepByReport('ClusterInst', S.UPDATING, S.DELETE_ERROR), S.UPDATE_ERROR);
  assert.is(stepByReport('ClusterInst', S.READY, S.DELETE_ERROR), undefined);
});

test('an illegal move names its ends and who wanted it', () => {
  assert.throws(
    () => step({ kind: 'AppInst', from: S.CREATING, actor: 'user', to: S.DELETE_REQUESTED }),
    /AppInst: the user may not move Creating to DeleteRequested/,
  );
});

test('no state is a dead end: with an override the user can always create over it or delete it', () => {
  for (const kind of KINDS) {
    const remove = kind === 'AppInst' ? S.NOT_PRESENT : S.DELETE_PREPARE;
    for (const { state } of TRACKED_STATES) {
      if (state === S.TRACKED_STATE_UNKNOWN || state === S.NOT_PRESENT) continue;
      const deletes = canStep({ kind, from: state, actor: 'user', to: remove, overrides: TAKEOVER });
      const creates = canStep({ kind, from: state, actor: 'user', to: S.READY, overrides: TAKEOVER });
      assert.ok(deletes || creates, `${kind} ${trackedStateName(state)}`);
    }
  }
});

test('without an override the user moves no operation under way, except a delete in preparation', () => {
  for (const { from, actor, when, to } of TRACKED_MOVES) {
    if (actor !== 'user' || !isTransient(from) || when !== 'always') continue;
    assert.equal([from, to], [S.DELETE_PREPARE, S.DELETE_PREPARE]);
  }
});

test('no override lets a create go over an instance that is ready', () => {
  for (const kind of KINDS) {
    for (const to of [S.CREATE_REQUESTED, S.READY]) {
      for (const override of Object.values(CRMOverride)) {
        const overrides = overrideEffects(override);
        assert.not.ok(canStep({ kind, from: S.READY, actor: 'user', to, overrides }));
      }
    }
  }
});

const OVERRIDE = fc.constantFrom(...Object.values(CRMOverride)).map(overrideEffects);

test('any walk by allowed moves stays among states that have a way to READY and to absence', () => {
  const actor = fc.constantFrom('user' as const, 'agent' as const, 'controller' as const);
  const wish = fc.record({ actor, to: fc.constantFrom(...STATES), overrides: OVERRIDE });
  fc.assert(
    fc.property(fc.constantFrom(...KINDS), fc.array(wish, { maxLength: 40 }), (kind, wishes) => {
      let at: TrackedState = S.NOT_PRESENT;
      for (const w of wishes) if (canStep({ kind, from: at, ...w })) at = step({ kind, from: at, ...w });
      assert.is.not(at, S.TRACKED_STATE_UNKNOWN);
      assert.ok(reaches(kind, at, S.READY) && reaches(kind, at, S.NOT_PRESENT), trackedStateName(at));
    }),
  );
});

/** Whether some sequence of moves without any override leads there. */
function reaches(kind: InstanceKind, from: TrackedState, goal: TrackedState): boolean {
  const seen = new Set<TrackedState>([from]);
  const open = [from];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (at === goal) return true;
    for (const { from: start, to, when, kinds } of TRACKED_MOVES) {
      if (start !== at || when !== 'always' || !kinds.includes(kind) || seen.has(to)) continue;
      seen.add(to);
      open.push(to);
    }
  }
  return false;
}

test('errors are kept in error states and cleared in all others', () => {
  for (const state of STATES) assert.equal(errorsIn(state, ['e']), isError(state) ? ['e'] : []);
});

test('overrides mean what the spec says; an unknown number means nothing', () => {
  assert.equal(overrideEffects(99 as CRMOverride), NO_OVERRIDES);
  assert.equal(
    Object.values(CRMOverride).map((o) => {
      const e = overrideEffects(o);
      return [e.ignoresAgent, e.ignoresAgentErrors, e.takesOver].map(Number).join('');
    }),
    ['000', '010', '100', '001', '101'],
  );
});

test('consistency rules of agents', () => {
  assert.is(inconsistency(S.CREATING, undefined), S.CREATE_ERROR);
  assert.is(inconsistency(S.CREATING, S.READY), undefined);
  assert.is(inconsistency(S.UPDATING, S.CREATE_ERROR), S.UPDATE_ERROR);
  assert.is(inconsistency(S.DELETING, undefined), undefined);
  assert.is(inconsistency(S.DELETING, S.READY), S.DELETE_ERROR);
  assert.is(inconsistency(S.READY, undefined), undefined);
});

test.run();
