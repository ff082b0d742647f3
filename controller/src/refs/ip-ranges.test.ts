import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compareAddresses, IpRanges } from './ip-ranges.js';

function all(text: string): string[] {
  const ranges = IpRanges.parse(text);
  const seen: string[] = [];
  ranges.find((address) => {
    seen.push(address);
    return false;
  });
  assert.is(ranges.count, BigInt(seen.length));
  assert.ok(seen.every((address) => ranges.has(address)));
  return seen;
}

test('addresses, networks and ranges, in the order in which they are written', () => {
  assert.equal(all(''), []);
  assert.equal(all('10.0.0.7'), ['10.0.0.7']);
  assert.equal(all('10.0.1.254-10.0.2.1'), ['10.0.1.254', '10.0.1.255', '10.0.2.0', '10.0.2.1']);
  assert.equal(all('10.0.0.8/30, 10.0.0.1'), ['10.0.0.9', '10.0.0.10', '10.0.0.1']);
  assert.equal(all('10.0.0.8/31,10.0.0.1/32'), ['10.0.0.8', '10.0.0.9', '10.0.0.1']);
  assert.equal(all('2001:DB8:0:0::fffe-2001:db8::1:0'), [
    '2001:db8::fffe',
    '2001:db8::ffff',
    '2001:db8::1:0',
  ]);
  assert.equal(all('fd00::/127'), ['fd00::', 'fd00::1']);
  assert.is(IpRanges.parse('2001:db8::/64').count, 2n ** 64n);
});

const BAD: readonly (readonly [string, string, RegExp])[] = [
  ['10.0.0.1,', '', /must be an address/],
  ['10.0.0.1,localhost', 'localhost', /must be an address/],
  ['10.0.0.01', '10.0.0.01', /must be an address/],
  ['fe80::1%eth0', 'fe80::1%eth0', /must be an address/],
  ['10.0.0.5/29', '10.0.0.5/29', /must begin at its first address, here 10\.0\.0\.0/],
  ['10.0.0.0/33', '10.0.0.0/33', /number of its fixed bits/],
  ['10.0.0.0/', '10.0.0.0/', /number of its fixed bits/],
  ['10.0.0.3-10.0.0.1', '10.0.0.3-10.0.0.1', /begin with its lower address/],
  ['10.0.0.3-::1', '10.0.0.3-::1', /one family/],
  ['10.0.0.0/24,10.0.0.9', '10.0.0.9', /must not overlap with "10\.0\.0\.0\/24"/],
];

for (const [text, element, rule] of BAD) {
  test(`refused: ${text}`, () => {
    const named = (error: Error) => error.message.includes(`"${element}"`) && rule.test(error.message);
    assert.throws(() => IpRanges.parse(text), named);
  });
}

test('addresses are ordered as numbers', () => {
  const address = fc.oneof(fc.ipV4(), fc.ipV6());
  fc.assert(
    fc.property(address, (a) => {
      const [plain = ''] = all(a);
      assert.is(compareAddresses(a, plain), 0);
    }),
  );
  assert.equal(['10.0.0.10', '10.0.0.9', '::1', '9.0.0.0'].sort(compareAddresses), [
    '9.0.0.0',
    '10.0.0.9',
    '10.0.0.10',
    '::1',
  ]);
});

test.run();
