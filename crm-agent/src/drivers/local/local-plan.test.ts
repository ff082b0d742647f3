import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OBJECTS } from '@edgeplane/objects';
import { LProto } from '@edgeplane/proto/dme/appcommon.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findArchive, findVmImage } from '../../site/image-files.js';
import { testApp, testAppInst, testFlavor } from '../../testing.js';
import { commandWords } from './command-words.js';
import { readEnvVars } from './env-vars.js';
import { planPorts } from './ports.js';
import { planVm } from './vm-plan.js';

const port = (proto: LProto, internalPort: number, publicPort: number) => ({
  proto,
  internalPort,
  publicPort,
  pathPrefix: '',
  fqdnPrefix: '',
});

test('ports with a public port are opened, those reached by path at another place', () => {
  const plan = planPorts(
    [
      port(LProto.L_PROTO_TCP, 80, 10000),
      port(LProto.L_PROTO_UDP, 53, 10000),
      port(LProto.L_PROTO_TCP, 22, 0),
      { ...port(LProto.L_PROTO_HTTP, 8080, 443), pathPrefix: 'dev/app10/p8080' },
    ],
    '127.0.0.9',
    new Map([[8080, 20001]]),
  );
  assert.equal(plan.published, [
    { proto: 'tcp', hostAddr: '127.0.0.9', hostPort: 10000, guestPort: 80 },
    { proto: 'udp', hostAddr: '127.0.0.9', hostPort: 10000, guestPort: 53 },
    { proto: 'tcp', hostAddr: '127.0.0.1', hostPort: 20001, guestPort: 8080 },
  ]);
  assert.equal(plan.balanced, [
    {
      ...{ proto: 'http', address: '127.0.0.9', port: 443, pathPrefix: 'dev/app10/p8080' },
      backends: [{ address: '127.0.0.1', port: 20001 }],
    },
  ]);
});

test('environment variables stay text', () => {
  const config = '- name: A\n  value: 007\n- name: B\n  value: "x y"\n- name: C\n- name: D\n  value: true\n';
  const vars = readEnvVars([
    { kind: 'envVarsYaml', config },
    { kind: 'other', config: '{' },
    { kind: 'envVarsYaml', config: '' },
  ]);
  assert.equal(vars, [
    { name: 'A', value: '007' },
    { name: 'B', value: 'x y' },
    { name: 'C', value: '' },
    { name: 'D', value: 'true' },
  ]);
  for (const bad of ['a: b', '- value: x', '- name: A\n  value: [1]', '- "'])
    assert.throws(
      () => readEnvVars([{ kind: 'envVarsYaml', config: bad }]),
      /config of kind envVarsYaml/,
      bad,
    );
});

test('command lines are split as a shell splits them', () => {
  assert.equal(commandWords(`run  me -x "a b" 'c "d' e\\ f "g\\"h"i ''`), [
    'run',
    'me',
    '-x',
    'a b',
    'c "d',
    'e f',
    'g"hi',
    '',
  ]);
  assert.equal(commandWords('  '), []);
});

test('images are found by path, URL or name', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'images-'));
  try {
    writeFileSync(join(dir, 'a.qcow2'), '');
    writeFileSync(join(dir, 'reg.example_5000_team_app_1.0.tar'), '');
    assert.is(await findVmImage('/x/y.img', dir), '/x/y.img');
    assert.is(await findVmImage('https://h/x.qcow2#md5:0', dir), 'https://h/x.qcow2#md5:0');
    assert.is(await findVmImage('a', dir), join(dir, 'a.qcow2'));
    assert.is(await findVmImage('a.qcow2', dir), join(dir, 'a.qcow2'));
    assert.is(
      await findArchive('reg.example:5000/team/app:1.0', dir),
      join(dir, 'reg.example_5000_team_app_1.0.tar'),
    );
    assert.is(await findArchive('other:1', dir), undefined);
    const failure = (image: string, imageDir: string) =>
      findVmImage(image, imageDir).then(
        () => '',
        (e: Error) => e.message,
      );
    assert.is(await failure('b', dir), `image "b" not found: looked for ${dir}/b and ${dir}/b.qcow2`);
    assert.match(await failure('b', ''), 'no --image-dir is set');
    assert.match(await failure('../a.qcow2', dir), 'leads out of');
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test('a machine gets the size of its flavor and a stable identity', () => {
  const app = testApp({ deployment: 'vm', deploymentManifest: '#cloud-config\n' });
  const appInst = testAppInst({ mappedPorts: [port(LProto.L_PROTO_TCP, 80, 8080)] }, app);
  const keyJson = OBJECTS.AppInst.keyJsonOf(appInst);
  const flavor = testFlavor({ ram: 256n, vcpus: 2n, disk: 3n });
  const request = { keyJson, app, appInst, clusterInst: undefined, flavor };
  const settings = {
    publicAddr: '127.0.0.1',
    cloudletKeyJson: '{}',
    innerPorts: new Map<number, number>(),
    devices: [],
  };
  const spec = planVm(request, '/img', settings);
  assert.is(spec.cpus, 2);
  assert.is(spec.memoryMib, 256);
  assert.is(spec.diskMib, 3072);
  assert.match(spec.id, /^web-[0-9a-f]{12}$/);
  assert.is(spec.cloudInit?.userData, '#cloud-config\n');
  assert.equal(spec, planVm(request, '/img', settings));
  const commanded = { ...request, app: { ...app, deploymentManifest: '', command: 'touch "/x y"' } };
  assert.is(
    planVm(commanded, '/img', settings).cloudInit?.userData,
    '#cloud-config\nruncmd:\n  - touch "/x y"\n',
  );
  assert.throws(
    () => planVm({ ...request, flavor: testFlavor({ vcpus: 0n }) }, '/img', settings),
    /flavor small has no vcpus/,
  );
});

test.run();
