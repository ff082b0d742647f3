import { ManualClock } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RestartTally } from './restart-tally.js';

test('what ends again and again is told, with how, until it has been quiet', () => {
  const clock = new ManualClock();
  const told: [string, string | undefined][] = [];
  const tally = new RestartTally({ clock, report: (name, trouble) => told.push([name, trouble]) });
  tally.ended('a', 'with status 1');
  tally.ended('b', 'with status 1');
  clock.advance(60_000);
  tally.ended('a', 'with status 2');
  assert.equal(told, []);
  clock.advance(60_000);
  tally.ended('a', 'with status 3');
  assert.equal(told.splice(0), [
    ['a', 'it ended 3 times within 5 minutes and was started again, last with status 3'],
  ]);
  clock.advance(299_999);
  assert.equal(told.splice(0), [['b', undefined]]);
  clock.advance(1);
  assert.equal(told.splice(0), [['a', undefined]]);
  tally.ended('a', 'with status 4');
  tally.forget('a');
  assert.is(clock.pending, 0);
});

test('ends far apart are no trouble', () => {
  const clock = new ManualClock();
  const told: unknown[] = [];
  const tally = new RestartTally({ clock, report: (name) => told.push(name) });
  for (let i = 0; i < 10; i++) {
    tally.ended('a', 'x');
    clock.advance(200_000);
  }
  assert.equal(told, []);
  tally.stop();
  assert.is(clock.pending, 0);
});

test.run();
