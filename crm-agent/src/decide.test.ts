import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Decision, decide, type Situation } from './decide.js';

const S = TrackedState;
const base: Situation = {
  desired: undefined,
  reported: undefined,
  present: false,
  deletionReported: false,
  unanswered: false,
  updates: true,
};
const ask = (over: Partial<Situation>): Decision => decide({ ...base, ...over });

test('requests are carried out whatever was reported', () => {
  for (const reported of [undefined, ...Object.values(S)]) {
    assert.equal(ask({ desired: S.CREATE_REQUESTED, reported }), { do: 'create' });
    assert.equal(ask({ desired: S.UPDATE_REQUESTED, reported }), { do: 'update' });
    assert.equal(ask({ desired: S.DELETE_REQUESTED, reported }), { do: 'delete' });
  }
});

test('a transient state without a report is work that a restart cut off', () => {
  assert.equal(ask({ desired: S.CREATING }), { do: 'create' });
  assert.equal(ask({ desired: S.UPDATING }), { do: 'update' });
  assert.equal(ask({ desired: S.DELETING }), { do: 'delete' });
});

test('a deletion that was reported on this connection is not repeated', () => {
  assert.equal(ask({ desired: S.DELETING, deletionReported: true }), { do: 'nothing' });
  assert.equal(ask({ desired: S.DELETE_REQUESTED, deletionReported: true }), { do: 'delete' });
});

test('reports that cross the notice of a transient state need nothing', () => {
  for (const reported of [S.READY, S.CREATE_ERROR])
    assert.equal(ask({ desired: S.CREATING, reported }), { do: 'nothing' });
  for (const reported of [S.READY, S.UPDATE_ERROR])
    assert.equal(ask({ desired: S.UPDATING, reported }), { do: 'nothing' });
  assert.equal(ask({ desired: S.DELETING, reported: S.DELETE_ERROR }), { do: 'nothing' });
});

test('transient states that contradict the report are inconsistent', () => {
  assert.equal(ask({ desired: S.CREATING, reported: S.DELETE_ERROR }), {
    do: 'inconsistent',
    state: S.CREATE_ERROR,
  });
  assert.equal(ask({ desired: S.UPDATING, reported: S.CREATE_ERROR }), {
    do: 'inconsistent',
    state: S.UPDATE_ERROR,
  });
  assert.equal(ask({ desired: S.DELETING, reported: S.READY }), {
    do: 'inconsistent',
    state: S.DELETE_ERROR,
  });
});

test('READY is reported when present and made true when not', () => {
  assert.equal(ask({ desired: S.READY, present: true }), { do: 'report-ready' });
  assert.equal(ask({ desired: S.READY }), { do: 'create' });
  assert.equal(ask({ desired: S.READY, reported: S.READY }), { do: 'nothing' });
  assert.equal(ask({ desired: S.READY, reported: S.DELETE_ERROR }), { do: 'create' });
});

test('instances that cannot be updated ignore the request and refuse the state', () => {
  assert.equal(ask({ desired: S.UPDATE_REQUESTED, updates: false }), { do: 'nothing' });
  assert.equal(ask({ desired: S.UPDATING, updates: false }), { do: 'inconsistent', state: S.UPDATE_ERROR });
});

test('what vanished is kept, unless the controller never knew of it', () => {
  assert.equal(ask({ present: true, reported: S.READY }), { do: 'nothing' });
  assert.equal(ask({ unanswered: true }), { do: 'withdraw' });
  assert.equal(ask({ unanswered: true, present: true, reported: S.READY }), { do: 'withdraw' });
  for (const desired of Object.values(S)) {
    assert.is.not(ask({ desired, unanswered: true }).do, 'withdraw');
  }
});

test('only a request or an unfinished delete ever deletes', () => {
  const state = fc.option(fc.constantFrom(...Object.values(S)), { nil: undefined });
  fc.assert(
    fc.property(
      fc.record({
        desired: state,
        reported: state,
        present: fc.boolean(),
        deletionReported: fc.boolean(),
        unanswered: fc.boolean(),
        updates: fc.boolean(),
      }),
      (situation) => {
        if (decide(situation).do !== 'delete') return;
        assert.ok(situation.desired === S.DELETE_REQUESTED || situation.desired === S.DELETING);
      },
    ),
  );
});

test.run();
