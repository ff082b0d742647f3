import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ManualClock } from './clock.js';
import { Tally } from './tally.js';

test('the first is told at once, what follows together', () => {
  const clock = new ManualClock();
  const said: number[] = [];
  const tally = new Tally(clock, 1000, (times) => said.push(times));
  for (let i = 0; i < 5; i++) tally.add();
  assert.equal(said, [1]);
  clock.advance(1000);
  assert.equal(said, [1, 4]);
  clock.advance(1000);
  assert.is(clock.pending, 0, 'nothing is waited for when nothing happens');
  tally.add();
  tally.add();
  assert.equal(said, [1, 4, 1]);
  tally.stop();
  assert.equal([said, clock.pending], [[1, 4, 1, 1], 0]);
});

test.run();
