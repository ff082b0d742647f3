import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { addressAt, cidrText, overlaps, parseCidr, sizeOf } from './cidr.js';
import {
  bridgeName,
  type ClusterNetwork,
  clusterRules,
  hasRules,
  restoreInput,
  ruledBridges,
} from './cluster-rules.js';
import { usedBlocks } from './host-links.js';
import { chooseSubnet } from './subnets.js';

const network: ClusterNetwork = { bridge: bridgeName('me', 'c1'), subnet: '10.240.7.0/24', publicAddr: '' };

/** What iptables-save would write after the input was restored on top of `before`. */
function restored(before: string, input: string): string {
  const tables = new Map<string, string[]>();
  let table = '';
  for (const line of `${before}${input}`.split('\n')) {
    if (line.startsWith('*')) table = line;
    const rules = tables.get(table) ?? [];
    tables.set(table, rules);
    const [verb, chain, ...rest] = line.split(' ');
    if (verb === '-A') rules.push(line);
    if (verb === '-D') rules.splice(rules.indexOf(`-A ${chain} ${rest.join(' ')}`), 1);
    if (verb !== '-I') continue;
    const [place, ...words] = rest;
    const first = rules.findIndex((rule) => rule.startsWith(`-A ${chain} `));
    rules.splice((first < 0 ? rules.length : first) + Number(place) - 1, 0, `-A ${chain} ${words.join(' ')}`);
  }
  return [...tables].map(([name, rules]) => [name, ...rules, 'COMMIT\n'].join('\n')).join('');
}

const FOREIGN = '*filter\n-A FORWARD -m comment --comment "netavark firewall plugin rules" -j X\nCOMMIT\n';

test('rules come before those of others, are found by their comment, and go without a trace', () => {
  const up = restored(FOREIGN, restoreInput(FOREIGN, 'me', network.bridge, network));
  assert.ok(hasRules(up, 'me', network));
  assert.is(up.split('\n')[1]?.startsWith(`-A FORWARD -i ${network.bridge} -o ${network.bridge}`), true);
  assert.match(up, /-A POSTROUTING -s 10\.240\.7\.0\/24 ! -d 10\.240\.7\.0\/24 .* -j MASQUERADE/);
  assert.equal([...ruledBridges(up, 'me')], [network.bridge]);
  assert.equal([...ruledBridges(up, 'other')], []);
  assert.not.ok(hasRules(up, 'other', network));
  const down = restored(up, restoreInput(up, 'me', network.bridge));
  assert.is(down.replace('*nat\nCOMMIT\n', ''), FOREIGN);
  assert.is(restoreInput(FOREIGN, 'me', network.bridge), '');
});

test('other rules replace what is there, and half of them are not all', () => {
  const up = restored(FOREIGN, restoreInput(FOREIGN, 'me', network.bridge, network));
  const other = { ...network, publicAddr: '192.0.2.7' };
  assert.not.ok(hasRules(up, 'me', other));
  const changed = restored(up, restoreInput(up, 'me', network.bridge, other));
  assert.ok(hasRules(changed, 'me', other));
  assert.match(changed, /-d 192\.0\.2\.7 .* -j ACCEPT/);
  assert.not.ok(hasRules(up.replace(/-A INPUT.*\n/, ''), 'me', network));
});

test('a public address that is everybody or nobody opens nothing', () => {
  const count = (publicAddr: string) => clusterRules({ ...network, publicAddr }).length;
  assert.is(count('0.0.0.0'), count(''));
  assert.is(count('127.0.0.1'), count(''));
  assert.is(count('192.0.2.1'), count('') + 1);
});

test('bridge names fit and differ', () => {
  assert.is(network.bridge.length, 15);
  assert.is.not(bridgeName('me', 'c1'), bridgeName('you', 'c1'));
});

// Five blocks of at most a 16 leave room in the pool.
test('a chosen subnet overlaps with nothing', () => {
  const block = fc
    .tuple(fc.integer({ min: 240, max: 247 }), fc.nat(255), fc.integer({ min: 16, max: 32 }))
    .map(([b, c, prefix]) => `10.${b}.${c}.1/${prefix}`);
  fc.assert(
    fc.property(fc.array(block, { maxLength: 5 }), fc.nat(), (used, seed) => {
      const subnet = parseCidr(chooseSubnet([...used, 'default', '0.0.0.0/0', 'fe80::/64'], seed));
      assert.ok(subnet);
      for (const text of used) {
        const other = parseCidr(text);
        assert.ok(subnet && other && !overlaps(subnet, other));
      }
    }),
  );
  assert.throws(() => chooseSubnet(['10.240.0.0/12'], 5), /no subnet is free in 10\.240\.0\.0\/13/);
});

test('addresses and blocks', () => {
  assert.is(cidrText(parseCidr('10.1.2.3/24') ?? { base: 0, prefix: 0 }), '10.1.2.0/24');
  assert.is(addressAt({ base: 10 * 2 ** 24, prefix: 8 }, 258), '10.0.1.2');
  assert.is(sizeOf({ base: 0, prefix: 24 }), 256);
  for (const text of ['default', '10.0.0.256', '10.0.0.0/33', '::1', ''])
    assert.is(parseCidr(text), undefined);
  const addresses = [{ ifname: 'eth0', addr_info: [{ family: 'inet', local: '192.0.2.2', prefixlen: 24 }] }];
  const routes = [
    { dst: '10.8.0.0/16', dev: 'tun0' },
    { dst: 'default', dev: 'eth0' },
  ];
  assert.equal(
    usedBlocks(addresses, routes, 'eth0').map((u) => u.block),
    ['10.8.0.0/16'],
  );
});

test.run();
