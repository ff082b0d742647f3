import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { heldCost } from '../limits.js';
import { bucketCount, bucketOf, bucketSums, differingBuckets, isBucketCount } from './buckets.js';
import { Digest, fingerprint, keyNumber } from './digest.js';
import { HeldType } from './held.js';

const key = fc.constantFrom('{"name":"a"}', '{"name":"b"}', '{"name":"c"}', '{"name":"d"}');
const step = fc.record({ put: fc.boolean(), key, value: fc.nat(3) });
const print = (name: string, value: number) => fingerprint(Buffer.from(`${name} ${value}`));

test('the digest is that of what is held, however it came about', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const held = new HeldType();
      const model = new Map<string, number>();
      for (const { put, key: name, value } of steps) {
        if (put) {
          held.set(name, print(name, value), value, 1);
          model.set(name, value);
        } else assert.is(held.delete(name), model.delete(name));
      }
      const wanted = Digest.of([...model].map(([name, value]) => print(name, value)));
      assert.ok(held.digest.equals(wanted.toWire()));
      assert.equal(held.keys().sort(), [...model.keys()].sort());
      assert.is(held.digest.count, model.size);
    }),
  );
});

test('exactly the buckets of what differs differ', () => {
  const set = fc.dictionary(fc.string({ maxLength: 4 }), fc.nat(1), { maxKeys: 40 });
  fc.assert(
    fc.property(set, set, (ours, theirs) => {
      const count = bucketCount(Math.max(Object.keys(ours).length, Object.keys(theirs).length));
      assert.ok(isBucketCount(count));
      const sums = (of: Record<string, number>) =>
        bucketSums(
          Object.entries(of).map(([name, value]) => [keyNumber(name), print(name, value)] as const),
          count,
        );
      const names = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
      const wanted = new Set<number>();
      for (const name of names) if (ours[name] !== theirs[name]) wanted.add(bucketOf(keyNumber(name), count));
      assert.equal(
        differingBuckets(sums(ours), sums(theirs)),
        [...wanted].sort((a, b) => a - b),
      );
    }),
  );
});

test('sums of parts add up to the sum of the whole', () => {
  const parts = [print('a', 1), print('b', 2), print('c', 3)];
  const whole = Digest.of(parts);
  const joined = new Digest();
  for (const part of parts) joined.join(Digest.of([part]));
  assert.ok(joined.equals(whole.toWire()));
  assert.not.ok(joined.equals(Digest.of(parts.slice(1)).toWire()));
  assert.ok(new Digest().equals(undefined));
});

test('what could not be decoded takes the place of the last good one, or waits for its name', () => {
  const held = new HeldType();
  const [known, unknown] = ['{"name":"known"}', '{"name":"unknown"}'] as const;
  held.set(known, print(known, 1), 5, 1);
  assert.is(held.setUndecodable(keyNumber(known), print(known, 2), 1), known);
  held.setUndecodable(keyNumber(unknown), print(unknown, 1), 1);
  held.setUndecodable(keyNumber(unknown), print(unknown, 2), 1);
  assert.equal(held.keys(), [known]);
  assert.ok(held.digest.equals(Digest.of([print(known, 2), print(unknown, 2)]).toWire()));
  const count = 16;
  assert.equal(
    held.sums(count),
    bucketSums(
      [[keyNumber(known), print(known, 2)] as const, [keyNumber(unknown), print(unknown, 2)] as const],
      count,
    ),
  );
  held.set(unknown, print(unknown, 3), 6, 1);
  assert.ok(held.digest.equals(Digest.of([print(known, 2), print(unknown, 3)]).toWire()));
  assert.is(held.cost, heldCost(known, 1) + heldCost(unknown, 1));
});

test('a great number of objects that cannot be decoded takes no more time for each', () => {
  const held = new HeldType();
  for (let i = 0; i < 2000; i++) held.set(`{"name":"${i}"}`, print('x', i), 1, 1);
  // By going through all that is held for each, this would take minutes.
  for (let i = 0; i < 50_000; i++) held.setUndecodable(i, print('y', i), 1);
  assert.is(held.size, 52_000);
  const key = '{"name":"7"}';
  held.delete(key);
  assert.is(
    held.setUndecodable(keyNumber(key), print('z', 1), 1),
    `?${keyNumber(key)}`,
    'it is not held any more',
  );
});

test('revisions: late ones are known, until the sender goes back', () => {
  const held = new HeldType();
  held.set('k', print('k', 1), 5, 1);
  held.inStep('store', 7);
  assert.equal([held.isLate('k', 4), held.isLate('k', 5), held.isLate('other', 1)], [true, false, false]);
  assert.equal(
    [held.isBeyond('store', 7), held.isBeyond('store', 6), held.isBeyond('else', 9)],
    [false, true, true],
  );
  held.rewind();
  assert.not.ok(held.isLate('k', 1));
  assert.is(held.toWire('T').revision, 0n);
});

test.run();
