// test: timeout=900s serial
/** The conformance suite on real containers and virtual machines, through podman and QEMU. */

import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { OBJECTS } from '@edgeplane/objects';
import { LProto } from '@edgeplane/proto/dme/appcommon.js';
import type { App } from '@edgeplane/proto/edgeproto/app.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { listCommandLines } from '../../engines/process/index.js';
import {
  testApp,
  testAppInst,
  testClusterInst,
  testDriverContext,
  testFlavor,
  testOperation,
} from '../../testing.js';
import { type ConformanceSetup, driverConformance } from '../conformance.js';
import type { AppInstRequest } from '../driver.js';
import { LocalDriver } from './local-driver.js';
import { echo, fetchPage, freePort, isOpen, processesOf, sampleImage } from './testing.js';

const IMAGE = 'localhost/edgeplane/hello:1.0';
const dir = mkdtempSync(join(tmpdir(), 'edgeplane-local-'));
const imageDir = join(dir, 'images');
const stateDir = join(dir, 'state');
mkdirSync(imageDir);
/** What is 443 where nobody else is. */
const httpPort = await freePort();

const MANIFEST = `apiVersion: v1
kind: Service
metadata: { name: hello-tcp }
spec:
  ports: [{ name: tcp8080, protocol: TCP, port: 8080, targetPort: 8080 }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: hello-deployment }
spec:
  replicas: 1
  template:
    metadata: { labels: { run: hello } }
    spec:
      volumes:
      imagePullSecrets: [{ name: mexgitlabsecret }]
      containers:
      - name: hello
        image: ${IMAGE}
        imagePullPolicy: Always
        ports:
        - { containerPort: 8080, protocol: TCP }
        - { containerPort: 8080, protocol: UDP }
`;

const APPS = {
  docker: testApp({ deployment: 'docker', imagePath: IMAGE }),
  kubernetes: testApp({ deployment: 'kubernetes', imagePath: IMAGE, deploymentManifest: MANIFEST }),
  vm: testApp({ deployment: 'vm', imagePath: 'guest.qcow2' }),
} as const;
type Deployment = keyof typeof APPS;

function request(app: App, port: number): AppInstRequest {
  const both = [LProto.L_PROTO_TCP, LProto.L_PROTO_UDP].map((proto) => ({
    ...{ proto, internalPort: 8080, publicPort: port, pathPrefix: '', fqdnPrefix: '' },
  }));
  const http = { proto: LProto.L_PROTO_HTTP, internalPort: 8080, publicPort: 443, pathPrefix: HTTP_PATH };
  const mappedPorts = port === 0 ? [] : [...both, { ...http, fqdnPrefix: '' }];
  const appInst = testAppInst({ mappedPorts }, app);
  return {
    keyJson: OBJECTS.AppInst.keyJsonOf(appInst),
    app,
    appInst,
    clusterInst: testClusterInst(),
    flavor: testFlavor({ ram: 192n, vcpus: 1n, disk: 1n }),
  };
}

async function open(): Promise<LocalDriver> {
  const driver = new LocalDriver();
  const http = { port: httpPort };
  await driver.init(testDriverContext({ stateDir, imageDir, http }), new AbortController().signal);
  const { containers, vm } = driver.capabilities;
  assert.ok(containers, 'these tests need podman: see the packages in the log of the agent');
  assert.ok(vm, 'these tests need the Debian packages qemu-system-x86 and qemu-utils');
  return driver;
}

const HTTP_PATH = 'dev/hello10/p8080';
const portOf = (app: AppInstRequest) => app.appInst.mappedPorts[0]?.publicPort ?? 0;

async function check(app: AppInstRequest, expected: 'serves' | 'gone'): Promise<void> {
  const port = portOf(app);
  if (expected === 'gone') {
    assert.is(await isOpen(port), false, `port ${port} is closed`);
    assert.is(await isOpen(httpPort), false, `port ${httpPort} is closed`);
    const left = (await processesOf(stateDir)).filter((line) => /qemu-system|conmon|nginx/.test(line));
    assert.equal(left, []);
    return;
  }
  const page = await fetchPage(port);
  const name = app.app.configs.length > 0 ? 'other' : 'hello';
  assert.match(page, app.app.deployment === 'vm' ? 'instance-id: ep-' : `env APP_NAME: ${name}\n`);
  assert.is(await echo(port, `ping ${port}`), `ping ${port}`);
  assert.match(await fetchPage(httpPort, `/${HTTP_PATH}/`), page.slice(0, 20));
}

function changed(app: App): App {
  if (app.deployment === 'vm') return { ...app, deploymentManifest: '#cloud-config\nhostname: other\n' };
  return { ...app, configs: [{ kind: 'envVarsYaml', config: '- name: APP_NAME\n  value: other\n' }] };
}

function impossible(app: App): ConformanceSetup['impossibleApp'] & object {
  const imagePath = 'localhost/no/such:1';
  const deploymentManifest = app.deploymentManifest.replace(IMAGE, imagePath);
  const bad = { ...app, imagePath, deploymentManifest };
  return { request: request(bad, 0), names: /image "localhost\/no\/such:1" not found.*localhost[_/]no/ };
}

const workloads = suite('local driver workloads');
workloads('a shell at a terminal: size, status, and nothing left when it is closed', async () => {
  copyFileSync(await sampleImage('container/build.mjs'), join(imageDir, 'localhost_edgeplane_hello_1.0.tar'));
  const driver = await open();
  const app = request(APPS.docker, 0);
  const operation = testOperation();
  const { signal } = new AbortController();
  try {
    await driver.createAppInst(app, operation);
    const asked = { keyJson: app.keyJson, containerId: '', plain: false };
    const sized = await driver.prepareShell({ ...asked, command: 'tty && stty size && exit 7' });
    const shell = await sized({ cols: 101, rows: 41 }, signal);
    assert.match(await text(shell.output), /^\/dev\/[^\n]*\n41 101\r\n$/);
    assert.equal(await shell.ended, { code: 7 });
    await shell.close();

    const long = await driver.prepareShell({ ...asked, command: '' });
    const busy = await long({ cols: 80, rows: 24 }, signal);
    busy.input.write('sleep 7654321 &\nsleep 7654321\n');
    const sleeping = async () =>
      (await listCommandLines()).filter(({ args }) => args.includes('7654321')).length;
    while ((await sleeping()) < 2) await new Promise((resolve) => setImmediate(resolve));
    await busy.close();
    assert.is(await sleeping(), 0);
  } finally {
    await driver.deleteAppInst(app.keyJson, operation);
    await driver.stop('stop');
  }
});
workloads('a virtual machine whose QEMU is killed comes back', async () => {
  copyFileSync(await sampleImage('guest/build.sh'), join(imageDir, 'guest.qcow2'));
  const driver = await open();
  const app = request(APPS.vm, await freePort());
  try {
    await driver.createAppInst(app, testOperation());
    await fetchPage(portOf(app));
    const asked = { keyJson: app.keyJson, containerId: 'display', command: '' };
    const terminal = await driver.prepareShell({ ...asked, plain: false }).catch((e: Error) => e.message);
    assert.match(String(terminal), 'plain: must be true for the display');
    const opens = await driver.prepareShell({ ...asked, plain: true });
    const display = await opens({ cols: 80, rows: 24 }, new AbortController().signal);
    assert.match(String((await once(display.output, 'data'))[0]), 'RFB 003.008');
    await display.close();
    assert.equal(await display.ended, { code: 0 });
    for (const { pid, args } of await listCommandLines())
      if (/qemu/.test(args[0] ?? '') && args.some((a) => a.includes(stateDir))) process.kill(pid, 'SIGKILL');
    assert.is(await isOpen(portOf(app)), false);
    assert.match(await fetchPage(portOf(app)), 'instance-id: ep-');
  } finally {
    await driver.deleteAppInst(app.keyJson, testOperation());
    await driver.stop('stop');
  }
  await check(app, 'gone');
});
workloads.run();

const ports: Record<string, readonly [number, number]> = {};
for (const deployment of Object.keys(APPS) as Deployment[]) {
  const tests = suite(`local driver conformance: ${deployment}`);
  tests.before(async () => {
    ports[deployment] = [await freePort(), await freePort()];
    copyFileSync(
      await sampleImage('container/build.mjs'),
      join(imageDir, 'localhost_edgeplane_hello_1.0.tar'),
    );
    copyFileSync(await sampleImage('guest/build.sh'), join(imageDir, 'guest.qcow2'));
  });
  driverConformance(tests, () => {
    const [first = 0, second = 0] = ports[deployment] ?? [];
    const clusterInst = testClusterInst();
    return {
      open,
      cluster: { keyJson: OBJECTS.ClusterInst.keyJsonOf(clusterInst), clusterInst, flavor: testFlavor() },
      app: request(APPS[deployment], first),
      changedApp: request(changed(APPS[deployment]), second),
      impossibleApp: impossible(APPS[deployment]),
      check,
    };
  });
  tests.after(async () => {
    const driver = await open();
    await driver.recover();
    await driver.stop('stop');
    assert.equal(await processesOf(stateDir), []);
    rmSync(stateDir, { recursive: true, force: true });
    if (deployment === 'vm') rmSync(dir, { recursive: true, force: true });
  });
  tests.run();
}
