import { OBJECTS } from '@edgeplane/objects';
import { LProto } from '@edgeplane/proto/dme/appcommon.js';
import type { App } from '@edgeplane/proto/edgeproto/app.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseAllDocuments } from 'yaml';
import { testApp, testAppInst, testClusterInst, testFlavor } from '../../testing.js';
import type { AppInstRequest } from '../driver.js';
import { planContainers } from './container-plan.js';
import { changeManifest, manifestImages } from './manifest.js';

const CLUSTER = OBJECTS.ClusterInst.keyJsonOf(testClusterInst());
const SETTINGS = {
  publicAddr: '127.0.0.1',
  cloudletKeyJson: '{"name":"x"}',
  innerPorts: new Map<number, number>(),
  devices: [],
};

function request(over: Partial<App>, flavor = testFlavor()): AppInstRequest {
  const app = testApp(over);
  const port = { proto: LProto.L_PROTO_UDP, internalPort: 53, publicPort: 10053 };
  const appInst = testAppInst({ mappedPorts: [{ ...port, pathPrefix: '', fqdnPrefix: '' }] }, app);
  const keyJson = OBJECTS.AppInst.keyJsonOf(appInst);
  return { keyJson, app, appInst, clusterInst: testClusterInst(), flavor };
}

const env = (config: string) => [{ kind: 'envVarsYaml', config }];

const MANIFEST = `apiVersion: v1
kind: Service
metadata: { name: a }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: a }
spec:
  template:
    spec:
      volumes:
      initContainers: [{ name: i, image: init:1 }]
      containers:
      - { name: a, image: "reg/a:1", env: [{ name: A, value: old }, { name: KEEP, value: "007" }] }
      - { name: b, image: "reg/b:1" }
---
# nothing here
---
kind: List
items:
- { kind: Pod, metadata: { name: p }, spec: { containers: [{ name: p, image: "reg/a:1" }] } }
`;

test('a docker instance takes its App, flavor and ports', () => {
  const plan = planContainers(
    request({ imagePath: 'reg/x:1', command: 'serve "a b"', configs: env('- { name: A, value: 1 }') }),
    CLUSTER,
    SETTINGS,
  );
  assert.is(plan.type, 'container');
  if (plan.type !== 'container') return;
  assert.equal(plan.images, ['reg/x:1']);
  assert.equal(plan.command, ['serve', 'a b']);
  assert.equal(plan.env, { A: '1' });
  assert.equal(plan.limits, { memoryMB: 128, vcpus: 1 });
  assert.equal(plan.ports, [{ proto: 'udp', hostIp: '127.0.0.1', hostPort: 10053, containerPort: 53 }]);
  assert.match(plan.name, /^web-[0-9a-f]{12}$/);
  assert.match(plan.network, /^cluster1-[0-9a-f]{12}$/);
  assert.is(plan.labels['cloudlet'], SETTINGS.cloudletKeyJson);
});

test('a variable from a Kubernetes source has no meaning for docker', () => {
  const configs = env('- { name: A, valueFrom: { fieldRef: { fieldPath: status.podIP } } }');
  assert.throws(
    () => planContainers(request({ imagePath: 'x', configs }), CLUSTER, SETTINGS),
    /A must have a plain value for deployment docker/,
  );
});

test('a flavor without memory bounds nothing, and is refused', () => {
  const flavor = testFlavor({ ram: 0n });
  assert.throws(() => planContainers(request({ imagePath: 'x' }, flavor), CLUSTER, SETTINGS), /no ram/);
});

test('variables go into every container of a manifest, and replace those of the same name', () => {
  const configs = env('- { name: A, value: new }\n- { name: B, value: 1 }');
  const kube = request({ deployment: 'kubernetes', deploymentManifest: MANIFEST, configs });
  const plan = planContainers(kube, CLUSTER, SETTINGS);
  assert.is(plan.type, 'kube');
  if (plan.type !== 'kube') return;
  assert.equal(plan.images, ['reg/a:1', 'reg/b:1', 'init:1']);
  const objects = parseAllDocuments(plan.yaml).map((d) => d.toJS() as Record<string, unknown>);
  assert.is(objects.length, 3);
  const deployment = objects[1] as { spec: { template: { spec: Record<string, { env: unknown }[]> } } };
  const { containers, initContainers } = deployment.spec.template.spec;
  const added = [
    { name: 'A', value: 'new' },
    { name: 'B', value: '1' },
  ];
  assert.equal(containers?.[0]?.env, [{ name: 'KEEP', value: '007' }, ...added]);
  assert.equal(containers?.[1]?.env, added);
  assert.equal(initContainers?.[0]?.env, added);
});

test('the Kubernetes manifests among the configs are added, with the variables', () => {
  const pod = (name: string) =>
    `kind: Pod\nmetadata: { name: ${name} }\nspec: { containers: [{ image: ${name} }] }\n`;
  const configs = [
    { kind: 'k8s-manifest', config: `${pod('more')}---\n${pod('most')}` },
    ...env('- { name: A, value: x }'),
    { kind: 'k8s-manifest', config: '' },
  ];
  const kube = request({ deployment: 'kubernetes', deploymentManifest: pod('own'), configs });
  const plan = planContainers(kube, CLUSTER, SETTINGS);
  assert.equal(plan.images, ['own', 'more', 'most']);
  assert.is(plan.type, 'kube');
  if (plan.type !== 'kube') return;
  assert.is(parseAllDocuments(plan.yaml).length, 3);
  assert.is(plan.yaml.split('value: x').length - 1, 3);
});

test('images are renamed to what local storage calls them', () => {
  const changed = changeManifest(MANIFEST, { env: [], images: new Map([['reg/a:1', 'sha256:abc']]) });
  assert.equal(manifestImages(changed), ['sha256:abc', 'reg/b:1', 'init:1']);
});

test('merged mappings are followed, as Kubernetes does', () => {
  const merged = 'kind: Pod\nx: &x { image: "reg/m:1" }\nspec: { containers: [{ <<: *x, name: a }] }\n';
  assert.equal(manifestImages(merged), ['reg/m:1']);
  assert.not.match(changeManifest(merged, { env: [], images: new Map() }), '<<');
});

test('what is no YAML is said so', () => {
  assert.throws(() => manifestImages('a: [b'), /the deployment manifest is not YAML/);
});

test.run();
