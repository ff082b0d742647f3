import { ManualClock, seededRandom } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isUlid, Ulids } from './ulids.js';

test('ulids have the form of ULIDs, and are in the order in which they were made', () => {
  const clock = new ManualClock(1_650_000_000_000);
  const ulids = new Ulids(clock, seededRandom(1));
  const made: string[] = [];
  for (let i = 0; i < 500; i++) {
    made.push(ulids.next());
    if (i % 100 === 99) clock.advance(1);
  }
  assert.ok(made.every(isUlid));
  assert.equal([...made].sort(), made);
  assert.is(new Set(made).size, made.length);
});

test('the time is in the first ten digits', () => {
  const ulid = new Ulids(new ManualClock(1_469_918_176_385), seededRandom(1)).next();
  assert.is(ulid.slice(0, 10), '01ARYZ6S41');
});

test('a clock that is set back keeps the order', () => {
  let now = 5000;
  const clock = { now: () => now, monotonic: () => 0, after: () => () => undefined };
  const ulids = new Ulids(clock, { next: () => 0.5 });
  const first = ulids.next();
  now = 10;
  assert.ok(ulids.next() > first);
});

test('what an earlier life made comes before what this one makes', () => {
  const earlier = new Ulids(new ManualClock(5000), seededRandom(1)).next();
  const ulids = new Ulids(new ManualClock(10), seededRandom(2));
  ulids.seen(earlier);
  const next = ulids.next();
  assert.ok(next > earlier && ulids.next() > next);
  ulids.seen(earlier);
  assert.ok(ulids.next() > next);
});

test('other texts are none', () => {
  for (const text of ['', 'default', '8'.repeat(26), 'I'.repeat(26), `${'0'.repeat(26)}0`])
    assert.not(isUlid(text));
});

test.run();
