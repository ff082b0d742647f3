import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type NetworkUse, sharedChainRules, staleRules } from './firewall.js';

const SHARED = `*filter
:FORWARD ACCEPT [0:0]
:NETAVARK_FORWARD - [0:0]
-A FORWARD -m comment --comment "netavark firewall plugin rules" -j NETAVARK_FORWARD
@FORWARD@COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:NETAVARK-HOSTPORT-DNAT - [0:0]
:NETAVARK-HOSTPORT-SETMARK - [0:0]
@CHAINS@-A PREROUTING -m addrtype --dst-type LOCAL -j NETAVARK-HOSTPORT-DNAT
@RULES@-A NETAVARK-HOSTPORT-SETMARK -j MARK --set-xmark 0x2000/0x2000
COMMIT
`;
const saved = (forward = '', chains = '', rules = '') =>
  SHARED.replace('@FORWARD@', forward).replace('@CHAINS@', chains).replace('@RULES@', rules);

const used = saved(
  '-A NETAVARK_FORWARD -s 10.70.0.0/24 -j ACCEPT\n',
  ':NETAVARK-AA - [0:0]\n:NETAVARK-DN-AA - [0:0]\n',
  `-A POSTROUTING -s 10.70.0.0/24 -j NETAVARK-AA
-A NETAVARK-DN-AA -d 127.0.0.1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.70.0.2:8080
-A NETAVARK-DN-AA -d 127.0.0.1/32 -p tcp -m tcp --dport 81 -j DNAT --to-destination 10.70.0.3:8080
-A NETAVARK-HOSTPORT-DNAT -p tcp -m tcp --dport 80 -m comment --comment "dnat name: n1 id: aa11" -j NETAVARK-DN-AA
-A NETAVARK-HOSTPORT-DNAT -p tcp -m tcp --dport 81 -m comment --comment "dnat name: n1 id: bb22" -j NETAVARK-DN-AA
-A NETAVARK-HOSTPORT-DNAT -p tcp -m tcp --dport 90 -m comment --comment "dnat name: other id: cc33" -j NETAVARK-DN-BB
`,
);

const network = (ids: string[], addresses: string[]): NetworkUse => ({
  name: 'n1',
  subnets: ['10.70.0.0/24'],
  liveIds: new Set(ids),
  liveAddresses: new Set(addresses),
});

test('nothing is stale while all containers live', () => {
  assert.equal(staleRules(used, [network(['aa11', 'bb22'], ['10.70.0.2', '10.70.0.3'])]), []);
});

test('the rules of a dead container go, those of a living one stay', () => {
  const text = staleRules(used, [network(['aa11'], ['10.70.0.2'])]).map((step) => step.join(' '));
  assert.equal(text, [
    '-t nat -D NETAVARK-HOSTPORT-DNAT -p tcp -m tcp --dport 81 -m comment --comment dnat name: n1 id: bb22 -j NETAVARK-DN-AA',
    '-t nat -D NETAVARK-DN-AA -d 127.0.0.1/32 -p tcp -m tcp --dport 81 -j DNAT --to-destination 10.70.0.3:8080',
  ]);
});

test('an idle network loses all it has, and only that', () => {
  const text = staleRules(used, [network([], [])]).map((step) => step.join(' '));
  assert.ok(text.includes('-t filter -D NETAVARK_FORWARD -s 10.70.0.0/24 -j ACCEPT'));
  assert.ok(text.includes('-t nat -D POSTROUTING -s 10.70.0.0/24 -j NETAVARK-AA'));
  assert.equal(text.slice(-4), [
    '-t nat -F NETAVARK-DN-AA',
    '-t nat -X NETAVARK-DN-AA',
    '-t nat -F NETAVARK-AA',
    '-t nat -X NETAVARK-AA',
  ]);
  assert.not.ok(text.some((step) => step.includes('other')));
});

test('shared chains go only when nobody uses them', () => {
  assert.equal(sharedChainRules(used), []);
  const steps = sharedChainRules(saved()).map((step) => step.join(' '));
  assert.is(
    steps[0],
    '-t filter -D FORWARD -m comment --comment netavark firewall plugin rules -j NETAVARK_FORWARD',
  );
  assert.is(steps[1], '-t nat -D PREROUTING -m addrtype --dst-type LOCAL -j NETAVARK-HOSTPORT-DNAT');
  assert.ok(steps.includes('-t nat -X NETAVARK-HOSTPORT-SETMARK'));
});

test.run();
