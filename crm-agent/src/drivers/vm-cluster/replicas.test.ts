import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { newKeyPair } from '../../engines/ssh/index.js';
import { planApp } from './app-plan.js';
import { planNodes, wantedNodes } from './node-plan.js';
import { placeApp } from './placement.js';
import type { AppRecord, ClusterRecord } from './records.js';
import { splitManifest } from './replicas.js';
import { appRequest, clusterRequest, manifest } from './testing-driver.js';

const DB = `kind: StatefulSet
metadata: { name: db }
spec:
  template: { spec: { containers: [{ name: db, image: db:1, ports: [{ containerPort: 5432 }] }] } }
---
kind: ConfigMap
metadata: { name: settings }
data: { a: b }
---
kind: Pod
metadata: { name: once }
spec: { containers: [{ name: once, image: once:1 }] }
`;

test('a manifest is taken apart by replica; what there is one of is in the first', () => {
  const parts = splitManifest(`${manifest(3)}---\n${DB}`);
  assert.is(parts.length, 3);
  const kinds = (text = '') => [...text.matchAll(/^kind: (.*)$/gm)].map((m) => m[1]);
  assert.equal(parts.map(kinds), [
    ['Deployment', 'StatefulSet', 'ConfigMap', 'Pod'],
    ['Deployment', 'ConfigMap'],
    ['Deployment', 'ConfigMap'],
  ]);
  assert.ok(parts.every((part) => part.includes('replicas: 1') && !part.includes('replicas: 3')));
  assert.is(splitManifest(manifest(0)).length, 1);
  assert.is(splitManifest(manifest(100_000)).length, 100, 'a mistake does not become a flood');
  const list = 'kind: List\nitems:\n- kind: Deployment\n  metadata: { name: a }\n  spec: { replicas: 2 }\n';
  assert.is(splitManifest(list).length, 2);
});

test('each replica gets ports of its node for what it serves', () => {
  const request = appRequest(2);
  const ports = request.appInst.mappedPorts;
  const db = { ...ports[0], internalPort: 5432, publicPort: 5432 } as (typeof ports)[number];
  const plan = planApp(
    {
      ...request,
      app: { ...request.app, deploymentManifest: `${manifest(2)}---\n${DB}` },
      appInst: { ...request.appInst, mappedPorts: [...ports, db] },
    },
    '{}',
    '{}',
  );
  assert.ok(plan.type === 'kube');
  assert.equal(
    plan.replicas.map(({ serves }) => serves),
    [
      [true, true, true],
      [true, true, false],
    ],
  );
  const subnet = '10.240.0.0/24';
  const record: ClusterRecord = {
    ...{ keyJson: '{}', name: 'c', bridge: 'b', subnet, agentKey: newKeyPair(), nodes: [] },
    state: 'ready',
  };
  const { clusterInst } = clusterRequest(1, 0);
  const size = { vcpus: 1, memoryMB: 512, diskMib: 2048 };
  const nodes = planNodes(record, wantedNodes(clusterInst), { size, image: '/i', newKey: newKeyPair });
  const input = { plan, kept: [], others: [], nodes, avoid: new Set(['node-1']) };
  const replicas = placeApp(input);
  assert.equal(replicas, [
    { index: 0, node: 'node-1', nodePorts: [20_000, 20_001, 20_002] },
    { index: 1, node: 'node-1', nodePorts: [20_003, 20_004, 0] },
  ]);
  const other: AppRecord = {
    keyJson: 'x',
    state: 'ready',
    cluster: '{}',
    plan: { ...plan, name: 'x' },
    replicas,
  };
  const [next] = placeApp({
    ...input,
    kept: replicas.slice(1),
    others: [{ ...other, replicas: replicas.slice(0, 1) }],
  });
  assert.equal(next, { index: 0, node: 'node-1', nodePorts: [20_005, 20_006, 20_007] });
});

test('a port that nothing serves is refused in the words of the manifest', () => {
  const request = appRequest(2);
  const [port] = request.appInst.mappedPorts;
  const sidecar = manifest(2).replace(
    '      - name: hello',
    '      - { name: side, image: s:1 }\n      - name: hello',
  );
  const bad = {
    ...request,
    app: { ...request.app, deploymentManifest: sidecar },
    appInst: { ...request.appInst, mappedPorts: port ? [{ ...port, internalPort: 1234 }] : [] },
  };
  assert.throws(() => planApp(bad, '{}', '{}'), /one container must declare each published port.*tcp:1234/);
});

test.run();
