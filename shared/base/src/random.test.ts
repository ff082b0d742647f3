import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomId, seededRandom } from './random.js';

test('ids are UUIDs of version 4, the same for the same seed', () => {
  const ids = new Set<string>();
  const random = seededRandom(7);
  for (let i = 0; i < 1000; i++) {
    const id = randomId(random);
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    ids.add(id);
  }
  assert.is(ids.size, 1000);
  assert.is(randomId(seededRandom(7)), [...ids][0]);
});

test.run();
