import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  testApp,
  testAppInst,
  testClusterInst,
  testDriverContext,
  testFlavor,
  testOperation,
} from '../../testing.js';
import { driverConformance } from '../conformance.js';
import type { AppInstRequest, ClusterInstRequest } from '../driver.js';
import { FAKE_DEFAULTS, FakeDriver } from './fake-driver.js';
import { parseFakeRules } from './script.js';

const dir = mkdtempSync(join(tmpdir(), 'fake-driver-'));
const cluster: ClusterInstRequest = {
  keyJson: OBJECTS.ClusterInst.keyJsonOf(testClusterInst()),
  clusterInst: testClusterInst(),
  flavor: testFlavor(),
};

function appRequest(annotations = ''): AppInstRequest {
  const app = testApp({ annotations });
  const appInst = testAppInst({}, app);
  const keyJson = OBJECTS.AppInst.keyJsonOf(appInst);
  return { keyJson, app, appInst, clusterInst: testClusterInst(), flavor: testFlavor() };
}

const conformance = suite('fake driver conformance');
driverConformance(conformance, () => ({
  async open() {
    const driver = new FakeDriver();
    await driver.init(testDriverContext({ stateDir: join(dir, 'site') }));
    return driver;
  },
  cluster,
  app: appRequest(),
  changedApp: appRequest('changed=yes'),
  impossibleApp: { request: appRequest('fake.create=fail:no such luck'), names: /^no such luck$/ },
  check: async () => undefined,
}));
conformance.after(() => rmSync(dir, { recursive: true, force: true }));
conformance.run();

const script = suite('fake driver script');

async function failure(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no failure',
    (error: unknown) => (error as Error).message,
  );
}

script('annotations delay, fail and fail once', async () => {
  const clock = new ManualClock();
  const driver = new FakeDriver();
  await driver.init(testDriverContext({ clock }));
  const request = appRequest('a=b, fake.create.delay=200ms ,fake.delete=fail-once:jammed');
  let created = false;
  const create = driver.createAppInst(request, testOperation()).then(() => {
    created = true;
  });
  while (clock.pending === 0) await Promise.resolve();
  clock.advance(199);
  await Promise.resolve();
  assert.is(created, false);
  clock.advance(1);
  await create;
  assert.is(await failure(driver.deleteAppInst(request.keyJson, testOperation())), 'jammed');
  await driver.deleteAppInst(request.keyJson, testOperation());
});

script('rules pick operation and name', async () => {
  const rules = parseFakeRules('create-cluster@clus*1=fail: full ; gather=fail-once');
  const driver = new FakeDriver({ ...FAKE_DEFAULTS, rules });
  await driver.init(testDriverContext());
  assert.is(await failure(driver.createClusterInst(cluster, testOperation())), ' full');
  const other = { ...cluster, keyJson: '{}', clusterInst: testClusterInst({}, 'other') };
  assert.is(await failure(driver.createClusterInst(other, testOperation())), 'no failure');
  assert.is(await failure(driver.gatherInfo()), 'scripted failure');
  assert.is(await failure(driver.gatherInfo()), 'no failure');
});

script('a rule that cannot be read is named', () => {
  for (const text of ['create=fail', 'create-app=sometimes', 'x'])
    assert.throws(
      () => parseFakeRules(text),
      (e: Error) => e.message.includes(`"${text}"`),
    );
});

script('cluster updates are refused with the text of the reference', async () => {
  const driver = new FakeDriver();
  await driver.init(testDriverContext());
  const text = 'update cluster not supported for fake cloudlets';
  assert.is(await failure(driver.updateClusterInst(cluster, testOperation())), text);
});

script.run();
