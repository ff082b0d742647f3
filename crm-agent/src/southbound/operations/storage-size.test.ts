import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { expandedSize, headroomOf, meantSize, shrunkenSize } from './storage-size.js';

const field = 'min_bytes';

test('either field will do, both only when they agree; what an overflow looks like is told', () => {
  assert.is(meantSize({ field, bytes: 5n, bytes64: 0n }), 5n);
  assert.is(meantSize({ field, bytes: 0n, bytes64: 5_000_000_000n }), 5_000_000_000n);
  assert.is(meantSize({ field, bytes: 7n, bytes64: 7n }), 7n);
  assert.is(meantSize({ field, bytes: 2_147_483_647n, bytes64: 0n }), 2_147_483_647n);
  assert.throws(
    () => meantSize({ field, bytes: 7n, bytes64: 8n }),
    /ambiguous size: min_bytes is 7 and min_bytes64 is 8/,
  );
  for (const bytes of [0n, -1n, -294_967_296n, -(2n ** 31n)])
    assert.throws(
      () => meantSize({ field, bytes, bytes64: 0n }),
      new RegExp(`min_bytes is ${bytes}, but .* 2147483647`),
    );
});

test('an expansion adds at least, a shrink releases at most and never what is used', () => {
  const figures = fc.record({
    size: fc.bigInt(1n, 2n ** 50n),
    used: fc.bigInt(0n, 2n ** 50n),
    headroom: fc.bigInt(0n, 2n ** 40n),
    extent: fc.constantFrom(1n, 4096n, 1024n ** 2n, 1024n ** 3n),
  });
  fc.assert(
    fc.property(figures, fc.bigInt(1n, 2n ** 62n), (pool, bytes) => {
      const larger = expandedSize(pool, bytes);
      assert.ok(larger >= pool.size + bytes && larger < pool.size + bytes + pool.extent);
      assert.is(larger % pool.extent, 0n);
      const smaller = shrunkenSize(pool, bytes);
      assert.ok(smaller <= pool.size && pool.size - smaller <= bytes);
      assert.ok(smaller === pool.size || smaller >= pool.used + pool.headroom);
      assert.ok(smaller === pool.size || smaller % pool.extent === 0n);
    }),
  );
});

test('the headroom is 1 GiB or 5 %, unless it is told', () => {
  const gib = 1024n ** 3n;
  assert.is(headroomOf(undefined, 10n * gib), gib);
  assert.is(headroomOf(undefined, 100n * gib), 5n * gib);
  assert.is(headroomOf(0n, 100n * gib), 0n);
});

test.run();
