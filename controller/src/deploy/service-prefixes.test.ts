import { LProto } from '@edgeplane/proto/dme/appcommon.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { generateManifest } from './manifest-generator.js';
import { servicePrefixes } from './service-prefixes.js';

const { L_PROTO_TCP: TCP, L_PROTO_UDP: UDP, L_PROTO_HTTP: HTTP } = LProto;

test('prefixes come from the Services, whatever else is in the manifest', () => {
  const text = `kind: ConfigMap
data:
  pem: |
    -----BEGIN CERTIFICATE-----
    ---
    -----END CERTIFICATE-----
---
kind: Custom
spec: [1, 2]
---
- no object
---
: : not yaml : [
---
kind: Service
metadata: { name: first }
spec: { ports: [ { protocol: tcp, port: 1, targetPort: 80 } ] }
---
kind: Service
metadata: { name: second }
spec: { ports: [ { protocol: TCP, targetPort: 80 }, { protocol: UDP, targetPort: 80 }, { port: 9 } ] }
`;
  const prefixOf = servicePrefixes([text]);
  assert.is(prefixOf(TCP, 80), 'first.');
  assert.is(prefixOf(UDP, 80), 'second.');
  assert.is(prefixOf(TCP, 9), 'second.');
  assert.is(prefixOf(HTTP, 80), '');
  assert.is(prefixOf(TCP, 81), '');
});

test('a PEM block at the left margin of a text divides nothing', () => {
  const text = `kind: Secret
stringData:
  key: "-----BEGIN KEY-----
    --- ---
    -----END KEY-----"
---
kind: Service
metadata: { name: s }
spec: { ports: [ { port: 1 } ] }
`;
  assert.is(servicePrefixes([text])(TCP, 1), 's.');
});

test('Services of every type, in lists too, and in more than one manifest', () => {
  const service = (name: string, port: number, type: string) =>
    `kind: Service\nmetadata: { name: ${name} }\nspec: { type: ${type}, ports: [ { port: ${port} } ] }\n`;
  const types = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'];
  const texts = types.map((type, i) => service(type.toLowerCase(), i, type));
  const list =
    'kind: List\nitems:\n- kind: Service\n  metadata: { name: listed }\n  spec: { ports: [ { port: 9 } ] }\n';
  const prefixOf = servicePrefixes([texts.join('---\n'), list]);
  assert.equal(
    [0, 1, 2, 3, 9].map((port) => prefixOf(TCP, port)),
    ['clusterip.', 'nodeport.', 'loadbalancer.', 'externalname.', 'listed.'],
  );
});

test('a port that a Service names is the one that a container names so', () => {
  const text = `kind: Service
metadata: { name: s }
spec: { ports: [ { port: 80, targetPort: web }, { port: 53, protocol: UDP, targetPort: web } ] }
---
kind: Deployment
spec: { template: { spec: { containers: [ { ports: [ { name: web, containerPort: 8080 } ] } ] } } }
---
kind: Pod
spec: { containers: [ { ports: [ { name: web, containerPort: 5353, protocol: UDP } ] } ] }
`;
  const prefixOf = servicePrefixes([text]);
  assert.equal([prefixOf(TCP, 8080), prefixOf(UDP, 5353), prefixOf(TCP, 80)], ['s.', 's.', '']);
});

test('aliases and merged mappings are followed', () => {
  const text = `base: &base { kind: Service, spec: &spec { ports: [ { port: 7 } ] } }
---
kind: Service
metadata: &m { name: merged }
spec: { <<: { ports: [ { port: 7 } ] } }
`;
  assert.is(servicePrefixes([text])(TCP, 7), 'merged.');
});

test('prefixes of generated manifests are the sanitized name and the protocol', () => {
  const key = { developerKey: { name: 'd' }, name: 'Some_App, 1.0!', version: '1' };
  const input = { key, imagePath: 'i', command: '', accessPorts: 'TCP:80,http:443,udp:80,tcp:81' };
  const prefixOf = servicePrefixes([generateManifest(input)]);
  assert.equal(
    [prefixOf(TCP, 80), prefixOf(TCP, 81), prefixOf(UDP, 80), prefixOf(HTTP, 443)],
    ['some-app10-tcp.', 'some-app10-tcp.', 'some-app10-udp.', ''],
  );
});

test.run();
