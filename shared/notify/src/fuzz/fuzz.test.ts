// test: timeout=120s
import { systemClock } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeNotice } from '../wire.js';
import { fuzz } from './campaign.js';
import { CORPUS } from './corpus.js';
import { decode } from './decoder-fuzz.js';

for (const { name, hex, answer } of CORPUS) {
  test(`kept input: ${name}`, () => {
    const bytes = Buffer.from(hex, 'hex');
    assert.equal(decode(bytes, systemClock), []);
    if (answer === 'decoded') decodeNotice(bytes);
    else assert.throws(() => decodeNotice(bytes), answer);
  });
}

test('the same seeds, each time', async () => {
  const { faults, seeds } = await fuzz(systemClock, 1, { seconds: 30, seeds: 150 });
  assert.equal(faults, []);
  assert.ok(seeds > 0);
});

test('seeds that nobody has tried', async () => {
  const seed = Math.floor(systemClock.now() / 1000);
  const { faults } = await fuzz(systemClock, seed, { seconds: 5, seeds: 1000 });
  assert.equal(faults, [], `npm run fuzz:notify -- --seed ${seed}, or one after it`);
});

test.run();
