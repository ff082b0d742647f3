import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseAllDocuments } from 'yaml';
import { generateManifest } from './manifest-generator.js';

const key = (name: string) => ({ developerKey: { name: 'dev' }, name, version: '1.0' });

/** The sample that was seen on the wire of the reference (controller spec section 11.4). */
const SAMPLE = `apiVersion: v1
kind: Service
metadata:
  name: someapplication1-tcp
  labels:
    run: someapplication1
spec:
  type: LoadBalancer
  ports:
  - name: tcp80
    protocol: TCP
    port: 80
    targetPort: 80
  - name: http443
    protocol: TCP
    port: 443
    targetPort: 443
  selector:
    run: someapplication1
---
apiVersion: v1
kind: Service
metadata:
  name: someapplication1-udp
  labels:
    run: someapplication1
spec:
  type: LoadBalancer
  ports:
  - name: udp10002
    protocol: UDP
    port: 10002
    targetPort: 10002
  selector:
    run: someapplication1
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: someapplication1-deployment
spec:
  selector:
    matchLabels:
      run: someapplication1
  replicas: 1
  template:
    metadata:
      labels:
        run: someapplication1
    spec:
      volumes:
      imagePullSecrets:
      - name: mexgitlabsecret
      containers:
      - name: someapplication1
        image: registry/x:1.0
        imagePullPolicy: Always
        ports:
        - containerPort: 80
          protocol: TCP
        - containerPort: 443
          protocol: TCP
        - containerPort: 10002
          protocol: UDP
        command:
        - "run"
        - "me"
        - "-x"
`;

const documents = (text: string) => parseAllDocuments(text).map((d) => d.toJS() as unknown);

test('the observed sample, byte for byte', () => {
  const manifest = generateManifest({
    key: key('someapplication1'),
    imagePath: 'registry/x:1.0',
    command: 'run me -x',
    accessPorts: 'tcp:80,http:443,udp:10002',
  });
  assert.is(manifest, SAMPLE);
});

test('without ports and command there is only a Deployment', () => {
  const [deployment, ...rest] = documents(
    generateManifest({ key: key('a'), imagePath: 'i', command: '', accessPorts: '' }),
  ) as [{ kind: string; spec: { template: { spec: { containers: object[] } } } }];
  assert.is(rest.length, 0);
  assert.equal(deployment.spec.template.spec.containers, [
    { name: 'a', image: 'i', imagePullPolicy: 'Always', ports: null },
  ]);
});

test('protocols are the same in any case', () => {
  const manifest = (accessPorts: string) =>
    generateManifest({ key: key('a'), imagePath: 'i', command: '', accessPorts });
  assert.is(manifest('TCP:80,Http:443,UDP:9'), manifest('tcp:80,http:443,udp:9'));
});

test('names that YAML 1.1 takes for something else are quoted', () => {
  const manifest = generateManifest({ key: key('on'), imagePath: 'no', command: '', accessPorts: '' });
  assert.match(manifest, '      run: "on"\n');
  assert.match(manifest, '        image: "no"\n');
});

test('two blanks in a command have an empty word between them', () => {
  const manifest = generateManifest({
    key: key('a'),
    imagePath: 'i',
    command: 'run  "a b"',
    accessPorts: '',
  });
  assert.match(
    manifest,
    '        command:\n        - "run"\n        - ""\n        - "\\"a"\n        - "b\\""\n',
  );
});

test('no text changes the structure', () => {
  fc.assert(
    fc.property(fc.string(), fc.string({ unit: 'binary' }), (imagePath, command) => {
      const manifest = generateManifest({ key: key('a'), imagePath, command, accessPorts: 'tcp:1' });
      const [, deployment] = documents(manifest) as [
        unknown,
        { spec: { template: { spec: { containers: { image: string; command?: string[] }[] } } } },
      ];
      const [container] = deployment.spec.template.spec.containers;
      assert.is(container?.image, imagePath);
      assert.equal(container?.command, command === '' ? undefined : command.split(' '));
    }),
  );
});

test.run();
