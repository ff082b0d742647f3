import { OBJECTS } from '@edgeplane/objects';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { generateManifest } from '../deploy/manifest-generator.js';
import { type Exposure, grantPorts } from './app-ports.js';

const appKey = { developerKey: { name: 'AcmeAppCo' }, name: 'Some App!', version: '1.0' };
const key = (operator: string, cloudlet: string) => ({
  appKey,
  clusterInstKey: {
    clusterKey: { name: 'azc' },
    cloudletKey: { operatorKey: { name: operator }, name: cloudlet },
    developer: 'AcmeAppCo',
  },
});
const accessPorts = 'tcp:80,http:443,udp:9';
const app = {
  ...OBJECTS.App.withKey(appKey),
  deployment: 'kubernetes',
  accessPorts,
  deploymentManifest: generateManifest({ key: appKey, imagePath: 'i', command: '', accessPorts }),
};

function outline(exposure: Exposure, at = key('dmuus', 'dmuus cloud.1')) {
  const grant = grantPorts({ app, key: at, exposure, use: { 80: 1 }, rootDomain: 'edge.internal' });
  const ports = grant.ports.map((p) => `${p.proto} ${p.publicPort} ${p.pathPrefix} ${p.fqdnPrefix}`);
  return [grant.uri, ...ports, JSON.stringify(grant.use)];
}

test('on the shared load balancer', () => {
  assert.equal(outline('shared'), [
    'dmuuscloud1.dmuus.edge.internal',
    '1 10000  someapp-tcp.',
    '3 443 acmeappco/someapp10/p443 ',
    '2 9  someapp-udp.',
    '{"9":2,"80":1,"10000":1}',
  ]);
});

test('with a load balancer of its own', () => {
  assert.equal(outline('dedicated'), [
    'azc.dmuuscloud1.dmuus.edge.internal',
    '1 80  someapp-tcp.',
    '3 443 acmeappco/someapp10/p443 ',
    '2 9  someapp-udp.',
    '{"80":1}',
  ]);
});

test('with an address per service', () => {
  assert.equal(outline('per-service', key('azure', 'az1')), [
    'acmeappcosomeapp10.azc.az1.azure.edge.internal',
    '1 80  someapp-tcp.',
    '1 443  someapp-tcp.',
    '2 9  someapp-udp.',
    '{"80":1}',
  ]);
});

test('not at all', () => {
  assert.equal(outline('none'), [undefined, '1 0  ', '3 0  ', '2 0  ', '{"80":1}']);
});

test('ports that cannot be parsed count as none', () => {
  const bad = { ...app, accessPorts: 'foo' };
  const grant = grantPorts({ app: bad, key: key('o', 'c'), exposure: 'shared', use: {}, rootDomain: 'r' });
  assert.equal(grant.ports, []);
});

test.run();
