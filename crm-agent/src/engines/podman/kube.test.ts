import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseAllDocuments } from 'yaml';
import { planKube } from './kube.js';
import { type KubeSpec, LABEL } from './spec.js';

const context = { owner: 'agent', limits: true };
const limits = { memoryMB: 100, vcpus: 1 };

const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  template:
    metadata: {labels: {app: web}}
    spec:
      hostNetwork: true
      volumes:
      - {name: scratch, emptyDir: {}}
      - {name: keys, secret: {secretName: tls}}
      - {name: disk, persistentVolumeClaim: {claimName: data}}
      containers:
      - name: main
        image: nginx
        env:
        - {name: KEY, valueFrom: {secretKeyRef: {name: tls, key: key}}}
        ports:
        - {containerPort: 8080, name: http, hostPort: 22}
        volumeMounts: &mounts
        - {name: scratch, mountPath: /scratch}
      - name: side
        image: envoy
        volumeMounts: *mounts
        resources: {limits: {memory: 20Mi}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Secret
metadata: {name: tls}
data: {key: aGVsbG8=}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
`;

const spec: KubeSpec = {
  name: 'app1',
  yaml: DEPLOYMENT,
  limits,
  ports: [{ proto: 'tcp', hostIp: '127.0.0.1', hostPort: 9000, containerPort: 80 }],
};

interface Played {
  kind: string;
  metadata: { name: string; labels: Record<string, string> };
  data: Record<string, string>;
  spec: {
    hostNetwork?: boolean;
    volumes: { name: string; configMap?: { name: string }; persistentVolumeClaim?: { claimName: string } }[];
    containers: {
      name: string;
      env: unknown[];
      ports: Record<string, unknown>[];
      volumeMounts: { name: string }[];
      resources?: { limits: Record<string, string> };
    }[];
  };
}

const documentsOf = (yaml: string) => parseAllDocuments(yaml).map((d) => d.toJS() as Played);
const podOf = (yaml: string): Played => {
  const pod = documentsOf(yaml).find((d) => d.kind === 'Pod');
  assert.ok(pod);
  return pod;
};

test('a Deployment becomes one pod under the workload’s name', () => {
  const plan = planKube(spec, context);
  assert.equal(plan.pods, [{ name: 'app1-web', containers: ['app1-web-main', 'app1-web-side'] }]);
  assert.equal(plan.images, ['nginx', 'envoy']);
  assert.equal(plan.warnings, ['Deployment "web" runs one replica of 3', 'Ingress "web" has no effect here']);
  const { labels } = podOf(plan.yaml).metadata;
  assert.is(labels['app'], 'web');
  assert.is(labels[LABEL.owner], 'agent');
  assert.is(labels[LABEL.name], 'app1');
  assert.is(labels[LABEL.hash], plan.hash);
  assert.is(podOf(plan.yaml).spec.hostNetwork, undefined);
});

test('a wanted Service port is published at its target, and no other host port is', () => {
  const [main] = podOf(planKube(spec, context).yaml).spec.containers;
  assert.equal(main?.ports, [{ containerPort: 8080, name: 'http', hostPort: 9000, hostIP: '127.0.0.1' }]);
});

test('a port that is declared and not wanted stays inside, and one that is wanted twice is published twice', () => {
  const yaml = DEPLOYMENT.replace(
    '\n        - {containerPort: 8080, name: http, hostPort: 22}',
    ' [{containerPort: 8080}, {containerPort: 8080}, {containerPort: 9100}]',
  );
  const wanted = (hostPort: number) => ({ proto: 'tcp' as const, hostPort, containerPort: 8080 });
  const [main] = podOf(planKube({ ...spec, yaml, ports: [wanted(1), wanted(2)] }, context).yaml).spec
    .containers;
  assert.equal(
    main?.ports.map((port) => [port['containerPort'], port['hostPort']]),
    [
      [8080, 1],
      [8080, 2],
    ],
  );
});

test('everything named is kept apart by the workload’s name', () => {
  const plan = planKube(spec, context);
  const pod = podOf(plan.yaml);
  assert.equal(plan.volumes, ['app1-scratch', 'app1-tls', 'app1-data']);
  assert.equal(
    pod.spec.containers.map((c) => c.volumeMounts.map((m) => m.name)),
    [['app1-scratch'], ['app1-scratch']],
  );
  assert.equal(pod.spec.containers[0]?.env, [
    { name: 'KEY', valueFrom: { configMapKeyRef: { name: 'app1-tls', key: 'key' } } },
  ]);
  const config = documentsOf(plan.yaml).find((d) => d.kind === 'ConfigMap');
  assert.is(config?.metadata.name, 'app1-tls');
  assert.equal(config?.data, { key: 'hello' });
});

test('the flavor is spread over the containers', () => {
  const pod = podOf(planKube(spec, context).yaml);
  const memory = pod.spec.containers.map((c) => c.resources?.limits['memory']);
  assert.equal(memory, [String(80 * 1024 * 1024), String(20 * 1024 * 1024)]);
  assert.equal(
    pod.spec.containers.map((c) => c.resources?.limits['cpu']),
    ['500m', '500m'],
  );
  const without = podOf(planKube(spec, { ...context, limits: false }).yaml);
  assert.is(without.spec.containers[0]?.resources, undefined);
});

test('two host ports may lead to one container port', () => {
  const ports = [
    { proto: 'tcp', hostPort: 1, containerPort: 8080 },
    { proto: 'tcp', hostPort: 2, containerPort: 8080 },
  ] as const;
  const [main] = podOf(planKube({ ...spec, ports }, context).yaml).spec.containers;
  assert.equal(
    main?.ports.map((p) => p['hostPort']),
    [1, 2],
  );
});

const bad: [string, Partial<KubeSpec>, string][] = [
  ['no YAML', { yaml: 'a: [' }, 'must be YAML'],
  ['no workload', { yaml: 'kind: Service\nmetadata: {name: a}' }, 'must hold a Pod'],
  ['not an object', { yaml: '- 1' }, 'must be an object with a kind'],
  ['no container', { yaml: 'kind: Pod\nmetadata: {name: a}\nspec: {}' }, 'at least one container'],
  [
    'a port nobody has',
    { ports: [{ proto: 'udp', hostPort: 1, containerPort: 7 }] },
    'must declare each published port',
  ],
  [
    'a host directory',
    { yaml: DEPLOYMENT.replace('emptyDir: {}', 'hostPath: {path: /etc}'), ports: [] },
    'must not be a hostPath',
  ],
];

for (const [what, change, text] of bad) {
  test(`refuses ${what}, naming the workload`, () => {
    assert.throws(
      () => planKube({ ...spec, ...change }, context),
      (error: Error) => error.message.includes(text) && error.message.includes('"app1"'),
    );
  });
}

test.run();
