// test: timeout=180s serial
/** Two agents on one host: neither notices the other. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { LProto } from '@edgeplane/proto/dme/appcommon.js';
import type { ClusterInst } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { unmountBelow } from '../../engines/podman/files.js';
import {
  testApp,
  testAppInst,
  testClusterInst,
  testDriverContext,
  testFlavor,
  testOperation,
} from '../../testing.js';
import { LocalDriver } from './local-driver.js';
import { echo, fetchPage, freePort, isOpen, processesOf, sampleImage } from './testing.js';

const dir = mkdtempSync(join(tmpdir(), 'edgeplane-two-'));
const imageDir = join(dir, 'images');
mkdirSync(imageDir);
test.after(async () => {
  // Mounts of agents that a failure left must not hide it.
  await unmountBelow([dir], silentLogger);
  rmSync(dir, { recursive: true, force: true });
});

const app = testApp({ deployment: 'docker', imagePath: 'localhost/edgeplane/hello:1.0' });

async function openSite(name: string): Promise<{ driver: LocalDriver; clusterInst: ClusterInst }> {
  const cloudletKey = { operatorKey: { name: 'op' }, name };
  const driver = new LocalDriver();
  const cloudletKeyJson = OBJECTS.Cloudlet.keyJson(cloudletKey);
  const context = { cloudletKey, cloudletKeyJson, stateDir: join(dir, name), imageDir };
  await driver.init(testDriverContext(context), new AbortController().signal);
  assert.ok(
    driver.capabilities.containers,
    'these tests need podman: see the packages in the log of the agent',
  );
  await driver.recover();
  const key = { clusterKey: { name: 'c' }, cloudletKey, developer: 'dev' };
  return { driver, clusterInst: { ...testClusterInst(), key } };
}

async function deploy(site: { driver: LocalDriver; clusterInst: ClusterInst }, publicPort: number) {
  const { driver, clusterInst } = site;
  const mappedPorts = [LProto.L_PROTO_TCP, LProto.L_PROTO_UDP].map((proto) => ({
    ...{ proto, internalPort: 8080, publicPort, pathPrefix: '', fqdnPrefix: '' },
  }));
  const appInst = testAppInst({ mappedPorts }, app, clusterInst);
  const flavor = testFlavor();
  const clusterKeyJson = OBJECTS.ClusterInst.keyJsonOf(clusterInst);
  await driver.createClusterInst({ keyJson: clusterKeyJson, clusterInst, flavor }, testOperation());
  const keyJson = OBJECTS.AppInst.keyJsonOf(appInst);
  await driver.createAppInst({ keyJson, app, appInst, clusterInst, flavor }, testOperation());
}

async function serves(port: number): Promise<void> {
  assert.match(await fetchPage(port), 'env APP_NAME: hello');
  assert.is(await echo(port, 'ping'), 'ping');
}

test('both start at once, serve at once, and one goes without the other', async () => {
  copyFileSync(await sampleImage('container/build.mjs'), join(imageDir, 'localhost_edgeplane_hello_1.0.tar'));
  const [port1, port2] = [await freePort(), await freePort()];
  const [one, two] = await Promise.all([openSite('one'), openSite('two')]);
  await Promise.all([deploy(one, port1), deploy(two, port2)]);
  await serves(port1);
  await serves(port2);
  await one.driver.stop('stop');
  assert.is(await isOpen(port1), false);
  await serves(port2);
  const again = await openSite('one');
  await serves(port1);
  await serves(port2);
  await Promise.all([again.driver.stop('stop'), two.driver.stop('stop')]);
  assert.equal(await processesOf(dir), []);
});

test.run();
