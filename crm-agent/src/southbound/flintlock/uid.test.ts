import { ManualClock, seededRandom } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isUid, Uids } from './uid.js';

test('uids have the form of ULIDs, and are in the order in which they were made', () => {
  const clock = new ManualClock(1_650_000_000_000);
  const uids = new Uids(clock, seededRandom(1));
  const made: string[] = [];
  for (let i = 0; i < 500; i++) {
    made.push(uids.next());
    if (i % 100 === 99) clock.advance(1);
  }
  assert.ok(made.every(isUid));
  assert.equal([...made].sort(), made);
  assert.is(new Set(made).size, made.length);
});

test('the time is in the first ten digits', () => {
  const uid = new Uids(new ManualClock(1_469_918_176_385), seededRandom(1)).next();
  assert.is(uid.slice(0, 10), '01ARYZ6S41');
});

test('a clock that is set back keeps the order', () => {
  let now = 5000;
  const clock = { now: () => now, monotonic: () => 0, after: () => () => undefined };
  const uids = new Uids(clock, { next: () => 0.5 });
  const first = uids.next();
  now = 10;
  assert.ok(uids.next() > first);
});

test('other texts are none', () => {
  for (const text of ['', 'default', '8'.repeat(26), 'I'.repeat(26), `${'0'.repeat(26)}0`])
    assert.not(isUid(text));
});

test.run();
