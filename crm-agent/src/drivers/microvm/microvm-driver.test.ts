// test: timeout=600s serial
/** The conformance suite on microVMs made of a container image, through podman and QEMU. */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OBJECTS } from '@edgeplane/objects';
import { LProto } from '@edgeplane/proto/dme/appcommon.js';
import type { App } from '@edgeplane/proto/edgeproto/app.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { testApp, testAppInst, testClusterInst, testDriverContext, testFlavor } from '../../testing.js';
import { driverConformance } from '../conformance.js';
import type { AppInstRequest } from '../driver.js';
import { LocalDriver, MICROVM } from '../local/index.js';
import { echo, fetchPage, freePort, isOpen, processesOf, sampleImage } from '../local/testing.js';
import { KERNEL_FOLDER } from './kernel-files.js';

const IMAGE = 'localhost/edgeplane/hello:1.0';
const dir = mkdtempSync(join(tmpdir(), 'edgeplane-micro-'));
const imageDir = join(dir, 'images');
const stateDir = join(dir, 'state');
mkdirSync(imageDir);
const [first, second, httpPort] = [await freePort(), await freePort(), await freePort()];
const HTTP_PATH = 'dev/hello10/p8080';

const APP = testApp({ deployment: 'docker', imagePath: IMAGE });

function request(app: App, publicPort: number): AppInstRequest {
  const port = (proto: LProto, number: number, pathPrefix = '') => ({
    ...{ proto, internalPort: 8080, publicPort: number, pathPrefix, fqdnPrefix: '' },
  });
  const mappedPorts = [
    port(LProto.L_PROTO_TCP, publicPort),
    port(LProto.L_PROTO_UDP, publicPort),
    port(LProto.L_PROTO_HTTP, 443, HTTP_PATH),
  ];
  const appInst = testAppInst({ mappedPorts: publicPort === 0 ? [] : mappedPorts }, app);
  return {
    keyJson: OBJECTS.AppInst.keyJsonOf(appInst),
    app,
    appInst,
    clusterInst: testClusterInst(),
    flavor: testFlavor({ ram: 192n, vcpus: 1n, disk: 1n }),
  };
}

async function open(): Promise<LocalDriver> {
  const driver = new LocalDriver(1, MICROVM);
  const context = testDriverContext({ stateDir, imageDir, http: { port: httpPort } });
  await driver.init(context, new AbortController().signal);
  assert.ok(driver.capabilities.containers, 'these tests need podman and QEMU');
  return driver;
}

const portOf = (app: AppInstRequest) => app.appInst.mappedPorts[0]?.publicPort ?? 0;

async function check(app: AppInstRequest, expected: 'serves' | 'gone'): Promise<void> {
  const port = portOf(app);
  if (expected === 'gone') {
    assert.is(await isOpen(port), false, `port ${port} is closed`);
    const left = (await processesOf(stateDir)).filter((line) => /qemu-system|conmon|nginx/.test(line));
    assert.equal(left, []);
    assert.equal(existsSync(join(stateDir, 'roots')) ? readdirSync(join(stateDir, 'roots')) : [], []);
    return;
  }
  const page = await fetchPage(port);
  // The guest tells which instance it is.
  assert.match(page, /env EDGE_INSTANCE_ID: ep-[0-9a-f]{12}\n/);
  assert.match(page, `env APP_NAME: ${app.app.configs.length > 0 ? 'other' : 'hello'}\n`);
  assert.is(await echo(port, `ping ${port}`), `ping ${port}`);
  assert.match(await fetchPage(httpPort, `/${HTTP_PATH}/`), 'env EDGE_INSTANCE_ID: ep-');
}

const tests = suite('microvm driver conformance');
tests.before(async () => {
  copyFileSync(await sampleImage('container/build.mjs'), join(imageDir, 'localhost_edgeplane_hello_1.0.tar'));
  symlinkSync(await sampleImage('microvm/build.sh'), join(imageDir, KERNEL_FOLDER));
});
driverConformance(tests, () => {
  const clusterInst = testClusterInst();
  const config = '- name: APP_NAME\n  value: other\n';
  const changed = { ...APP, configs: [{ kind: 'envVarsYaml', config }] };
  return {
    open,
    cluster: { keyJson: OBJECTS.ClusterInst.keyJsonOf(clusterInst), clusterInst, flavor: testFlavor() },
    app: request(APP, first),
    changedApp: request(changed, second),
    impossibleApp: {
      request: request({ ...APP, imagePath: 'localhost/no/such:1' }, 0),
      names: /image "localhost\/no\/such:1" not found/,
    },
    check,
  };
});
tests('a deployment that it does not know is refused by name', async () => {
  const driver = await open();
  try {
    const app = request({ ...APP, deployment: 'kubernetes' }, 0);
    const operation = { signal: new AbortController().signal, progress: () => undefined };
    const text = await driver.createAppInst(app, operation).then(() => '', String);
    assert.match(
      text,
      'deployment kubernetes is not supported on platform microvm, must be one of docker, vm',
    );
  } finally {
    await driver.stop('stop');
  }
});
tests.after(async () => {
  const driver = await open();
  await driver.recover();
  await driver.stop('stop');
  assert.equal(await processesOf(stateDir), []);
  rmSync(dir, { recursive: true, force: true });
});
tests.run();
