// test: timeout=120s
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from './run.js';

/** The daily run has a thousand; these are for every change. */
const SEEDS = 7;

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`seed ${seed}: nothing is wrong once there is calm`, async () => {
    const { faults } = await run({ seed });
    assert.equal(faults, []);
  });
}

test('the same seed is the same run, another one is another', async () => {
  const [first, again, other] = [await run({ seed: 5 }), await run({ seed: 5 }), await run({ seed: 6 })];
  assert.is(first.hash, again.hash);
  assert.is(first.events, again.events);
  assert.is.not(first.hash, other.hash);
});

test.run();
