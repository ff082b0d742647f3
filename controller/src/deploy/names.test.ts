import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cloudletKeyText } from '../operations/cloudlet-ready.js';
import { parseAccessPorts } from './access-ports.js';
import { appFqdn, dedicatedFqdn, httpPath, sharedFqdn } from './fqdn.js';
import { dnsName, dockerName, kubernetesName } from './sanitize.js';

test('sanitizers', () => {
  assert.is(dockerName('A_b, c&D!1.0'), 'A_bc-D.1.0');
  assert.is(dnsName('A_b, c&D!1.0'), 'a-bcd10');
  assert.is(kubernetesName('A_b, c&D!1.0'), 'a-bcd1.0');
});

test('names of the reference, below any domain', () => {
  const dmuus = { operatorKey: { name: 'dmuus' }, name: 'dmuus cloud.1' };
  const root = 'mobiledgex.net';
  assert.is(sharedFqdn(dmuus, root), 'dmuuscloud1.dmuus.mobiledgex.net');
  const app = { developerKey: { name: 'AcmeAppCo' }, name: 'Some App!', version: '1.0' };
  assert.is(httpPath(app, 443), 'acmeappco/someapp10/p443');
  const cluster = {
    clusterKey: { name: 'azc' },
    cloudletKey: { operatorKey: { name: 'azure' }, name: 'az1' },
    developer: '',
  };
  assert.is(dedicatedFqdn(cluster, root), 'azc.az1.azure.mobiledgex.net');
  assert.is(appFqdn(app, cluster, root), 'acmeappcosomeapp10.azc.az1.azure.mobiledgex.net');
});

test('cloudlet keys in error texts', () => {
  assert.is(
    cloudletKeyText({ operatorKey: { name: 'a"b' }, name: 'ü' }),
    'operator_key:<name:"a\\"b" > name:"\\303\\274" ',
  );
  assert.is(cloudletKeyText(undefined), 'operator_key:<> ');
});

test('access ports', () => {
  assert.equal(
    parseAccessPorts('TCP:80,udp:65535,http:443,tcp:80').map((p) => [p.proto, p.port]),
    [
      [1, 80],
      [2, 65535],
      [3, 443],
      [1, 80],
    ],
  );
  assert.equal(parseAccessPorts(''), []);
});

const BAD: readonly (readonly [string, string])[] = [
  ['tcp', 'Invalid Access Ports format, expected proto:port but was tcp'],
  ['tcp:80,', 'Invalid Access Ports format, expected proto:port but was '],
  ['tcp:80:90', 'Invalid Access Ports format, expected proto:port but was tcp'],
  ['ICMP:5', 'icmp is not a supported Protocol'],
  ['tcp:x', 'Failed to convert port x to integer: strconv.ParseInt: parsing "x": invalid syntax'],
  ['tcp:', 'Failed to convert port  to integer: strconv.ParseInt: parsing "": invalid syntax'],
  ['tcp:0', 'Port 0 out of range'],
  ['tcp:-1', 'Port -1 out of range'],
  ['tcp:65536', 'Port 65536 out of range'],
  [
    'tcp:99999999999999999999',
    'Failed to convert port 99999999999999999999 to integer: strconv.ParseInt: parsing "99999999999999999999": value out of range',
  ],
  ['constructor:5', 'constructor is not a supported Protocol'],
];

for (const [text, message] of BAD) {
  test(`access ports "${text}" are refused`, () => {
    assert.throws(
      () => parseAccessPorts(text),
      (error: Error) => error.message === message,
    );
  });
}

test.run();
