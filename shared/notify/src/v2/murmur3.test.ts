import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fingerprint, keyNumber } from './digest.js';
import { murmur3 } from './murmur3.js';

const of = (text: string) => {
  const { high, low } = murmur3(Buffer.from(text));
  return [high, low].map((number) => number.toString(16).padStart(8, '0')).join('');
};

test('the hash is MurmurHash3_x86_128', () => {
  assert.is(of(''), '0000000000000000');
  assert.is(of("I will not buy this tobacconist's, it is scratched."), '9b5b7ba2ef3f7866');
});

test('every length of the rest counts', () => {
  const seen = new Set(Array.from({ length: 64 }, (_, i) => of('x'.repeat(i))));
  assert.is(seen.size, 64);
  assert.is.not(of('a\0'), of('a'));
});

test('fingerprints and numbers of keys are the vectors of the specification', () => {
  assert.equal(fingerprint(Buffer.from('edgeplane')), { high: 2426523743, low: 3660257804 });
  assert.is(keyNumber('{"name":"small"}'), 665102870);
});

test.run();
