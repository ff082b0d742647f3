import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chooseHost, freeAddress, type HostLoad } from './placement.js';

const NONE = new Set<string>();
const host = (address: string, over: Partial<HostLoad> = {}): HostLoad => ({
  ...{ address, count: 0, failing: false, reached: true },
  ...over,
});

test('the host with fewest, and one that failed only when there is no other', () => {
  const hosts = [host('a', { count: 2 }), host('b', { count: 1 }), host('c', { failing: true })];
  assert.is(chooseHost('x', false, hosts, NONE), 'b');
  assert.is(chooseHost('x', false, hosts, new Set(['a', 'b'])), 'c');
  assert.is(chooseHost('x', false, hosts, new Set(['a', 'b', 'c'])), undefined);
});

test('what has to be reached goes where machines have addresses', () => {
  const hosts = [host('a', { reached: false }), host('b', { count: 9 })];
  assert.is(chooseHost('x', true, hosts, NONE), 'b');
  assert.is(chooseHost('x', false, hosts, NONE), 'a');
});

test('machines spread evenly, whatever their names', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string(), { maxLength: 40 }),
      fc.integer({ min: 1, max: 5 }),
      (names, n) => {
        const counts = new Map(Array.from({ length: n }, (_, i) => [`h${i}`, 0]));
        for (const name of names) {
          const loads = [...counts].map(([address, count]) => host(address, { count }));
          const chosen = chooseHost(name, true, loads, NONE) ?? '';
          counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
        }
        const all = [...counts.values()];
        assert.ok(Math.max(...all) - Math.min(...all) <= 1);
      },
    ),
  );
});

test('the lowest free address, across bytes, until all are taken', () => {
  const network = {
    bridge: '',
    first: '10.0.0.254',
    last: '10.0.1.1',
    prefix: 16,
    gateway: '',
    nameServers: [],
  };
  const taken = new Set<string>();
  const found = Array.from({ length: 5 }, () => {
    const address = freeAddress(network, taken);
    if (address !== undefined) taken.add(address);
    return address;
  });
  assert.equal(found, ['10.0.0.254', '10.0.0.255', '10.0.1.0', '10.0.1.1', undefined]);
});

test.run();
