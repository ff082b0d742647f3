/** What agents report, and what becomes of it when they, their connection or their controller are gone. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, fail } from '@edgeplane/base';
import { currentVersionHash, OBJECTS } from '@edgeplane/objects';
import { LmdbStore, MemoryStore, storeErrors, type TxnRequest } from '@edgeplane/store';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createController } from './app.js';
import { BRIEF, TestController, testConfig } from './testing.js';
import { ScriptedAgent } from './testing-agent.js';
import { appInst, clusterInst, clusterKey, prepare, SITE } from './testing-data.js';

const READY = 2;
const OFFLINE = 3;

async function infoState(controller: TestController): Promise<number | undefined> {
  return (await controller.show('CloudletInfo'))[0]?.state;
}

test('an agent is known while it is connected, and offline afterwards; its node is gone', async () => {
  const controller = await TestController.start();
  try {
    await prepare(controller);
    const agent = await controller.agent();
    const [info] = await controller.show('CloudletInfo');
    assert.is(info?.flavors.length, 2);
    assert.match(info?.controller ?? '', /@127\.0\.0\.1:\d+$/);
    await controller.until(async () => (await controller.show('Node')).length === 1, 'node');
    agent.info.put({ ...OBJECTS.CloudletInfo.withKey(SITE), state: READY, osMaxRam: 5n });
    await controller.until(
      async () => (await controller.show('CloudletInfo'))[0]?.osMaxRam === 5n,
      'replaced',
    );
    assert.equal(
      (await controller.show('CloudletInfo'))[0]?.flavors,
      [],
      'what is not reported any more is gone',
    );
    await agent.stop();
    await controller.until(async () => (await infoState(controller)) === OFFLINE, 'offline');
    assert.is((await controller.show('CloudletInfo'))[0]?.osMaxRam, 5n);
    assert.equal(await controller.show('Node'), []);
    assert.match(
      (await controller.run('create', 'ClusterInst', clusterInst())).at(-1) ?? '',
      /not ready, state is CLOUDLET_STATE_OFFLINE$/,
    );
  } finally {
    await controller.stop();
  }
});

test('a report that was withdrawn is offline; a newer connection is not disturbed by the end of an older one', async () => {
  const controller = await TestController.start();
  try {
    const first = await controller.agent();
    const second = await controller.agent();
    await controller.until(async () => (await controller.show('CloudletInfo'))[0]?.notifyId === 1n, 'second');
    await first.stop();
    await controller.until(async () => (await controller.show('Node')).length <= 1, 'first gone');
    assert.is(await infoState(controller), READY);
    second.info.delete(SITE);
    await controller.until(async () => (await infoState(controller)) === OFFLINE, 'withdrawn');
  } finally {
    await controller.stop();
  }
});

test('a lost lease is replaced, with everything that was under it', async () => {
  const store = new MemoryStore();
  const controller = await TestController.start({ store });
  try {
    await controller.agent();
    store.loseLeases();
    await controller.until(
      async () =>
        (await controller.show('Controller')).length === 1 && (await infoState(controller)) === READY,
      'stored again',
    );
    const info = { ...OBJECTS.CloudletInfo.withKey({ ...SITE, name: 'injected' }), state: READY };
    assert.equal(await controller.run('inject', 'CloudletInfo', info), ['OK']);
    assert.equal(await controller.run('evict', 'CloudletInfo', info), ['OK']);
  } finally {
    await controller.stop();
    await store.close();
  }
});

/** Loses the answers to writes that match, as often as it is told. */
class ForgetfulStore extends MemoryStore {
  lose = 0;
  matching = '';

  override async txn(request: TxnRequest) {
    const lost = this.lose > 0 && request.ops.some(({ key }) => key.includes(this.matching));
    if (!lost) return super.txn(request);
    this.lose -= 1;
    throw fail(storeErrors.WRITE_UNCERTAIN, { store: 'memory', reason: 'the answer was lost' });
  }
}

test('what was under a lost lease is stored again however often that fails', async () => {
  const store = new ForgetfulStore();
  const controller = await TestController.start({ store });
  try {
    await controller.agent();
    store.matching = '/CloudletInfo/';
    store.lose = 3;
    store.loseLeases();
    await controller.until(async () => store.lose === 0 && (await infoState(controller)) === READY, 'again');
  } finally {
    await controller.stop();
    await store.close();
  }
});

test('a report is not stored again in place of one that another controller got since', async () => {
  const store = new MemoryStore();
  const [mine, theirs] = [store.connect(), store.connect()];
  const first = await TestController.start({ store: mine });
  const second = await TestController.start({ store: theirs });
  const reporter = async () => (await second.show('CloudletInfo'))[0]?.controller ?? '';
  try {
    await first.agent();
    await second.agent();
    await second.until(async () => (await reporter()).endsWith(second.api), 'the second one has the report');
    const { revision } = await store.get('');
    mine.loseLeases();
    // Its entry is back, so what was under the lease would be next; a later write of its own shows that it is over.
    await second.until(
      async () => (await store.list('1/Controller/')).entries.some((e) => e.revision > revision + 1),
      'registered again',
    );
    await first.run('create', 'Operator', { key: { name: 'later' } });
    assert.ok((await reporter()).endsWith(second.api));
  } finally {
    await first.stop();
    await second.stop();
    for (const one of [mine, theirs, store]) await one.close();
  }
});

test('a report that another controller took for its own is stored again when that one ends', async () => {
  const store = new MemoryStore();
  const [mine, theirs] = [store.connect(), store.connect()];
  const first = await TestController.start({ store: mine });
  const second = await TestController.start({ store: theirs });
  const reporter = async () => (await second.show('CloudletInfo'))[0]?.controller ?? '';
  try {
    await second.agent();
    // It is late to store what it had heard before.
    await first.agent();
    await second.until(async () => (await reporter()).endsWith(first.api), 'the first one has the report');
    // As when it is killed: nobody marks anything.
    mine.loseLeases();
    await mine.close();
    await second.until(async () => (await reporter()).endsWith(second.api), 'the second one has it again');
  } finally {
    await first.stop();
    await second.stop();
    for (const one of [theirs, store]) await one.close();
  }
});

test('a report that had to wait is not stored after one of a later connection', async () => {
  const store = new ForgetfulStore();
  const controller = await TestController.start({ store });
  const address = controller.controller.addresses['notify'] ?? '';
  store.matching = '/CloudletInfo/';
  store.lose = Number.POSITIVE_INFINITY;
  const first = await new ScriptedAgent(address, SITE).ready();
  const second = await new ScriptedAgent(address, SITE).ready();
  const reporters: bigint[] = [];
  const following = (async () => {
    for await (const { events } of store.watch('1/CloudletInfo/', 1, new AbortController().signal))
      for (const event of events)
        if (event.type === 'put') reporters.push(OBJECTS.CloudletInfo.fromStored(event.entry.value).notifyId);
  })();
  try {
    await controller.until(async () => (await controller.show('Node')).length > 0, 'both are there');
    store.lose = 0;
    await controller.until(async () => reporters.includes(1n), 'the later report is stored');
    await first.stop();
    await controller.until(
      async () => (await controller.show('Node'))[0]?.notifyId === 1n,
      'the first is gone',
    );
    assert.is(await infoState(controller), READY);
  } finally {
    await second.stop();
    await controller.stop();
    await store.close();
    await following;
  }
});

test('a controller that stops takes its entry and its reports along', async () => {
  const store = new MemoryStore();
  const controller = await TestController.start({ store });
  await controller.agent();
  await controller.stop();
  const left = (await store.list('1/')).entries.map((e) => e.key);
  assert.equal(left, ['1/Version']);
  assert.is((await store.get('1/Version')).entry?.value, currentVersionHash());
  await store.close();
});

test('reports that the table does not allow change nothing', async () => {
  const controller = await TestController.start();
  try {
    await prepare(controller);
    const agent = await controller.agent();
    await controller.run('create', 'ClusterInst', clusterInst());
    await controller.run('create', 'AppInst', appInst());
    const key = { appKey: appInst().key.appKey, clusterInstKey: { ...clusterKey(), cloudletKey: SITE } };
    agent.appInfos.delete(key);
    agent.clusterInfos.delete(key.clusterInstKey);
    agent.clusterInfos.put({ fields: [], key: key.clusterInstKey, notifyId: 0n, state: 11, errors: ['x'] });
    const info = OBJECTS.AppInstInfo.withKey(key);
    agent.appInfos.put({ ...info, state: 5, runtimeInfo: { containerIds: ['abc'] }, errors: ['it ended'] });
    await controller.until(
      async () => (await controller.show('AppInst'))[0]?.runtimeInfo?.containerIds[0] === 'abc',
      'runtime info of a ready instance is taken over',
    );
    assert.equal(
      [(await controller.show('AppInst'))[0]?.state, (await controller.show('ClusterInst'))[0]?.state],
      [5, 5],
    );
    assert.equal((await controller.show('AppInst'))[0]?.errors, ['it ended'], 'and its troubles');
  } finally {
    await controller.stop();
  }
});

test('a controller that is started again in the middle of a create lets the agent finish it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'controller-'));
  const config = { store: `lmdb:${dir}` };
  try {
    const first = await TestController.start({ store: await LmdbStore.open(dir) }, config);
    await prepare(first);
    const agent = await first.agent();
    agent.clusterInst.create = 'stuck';
    const creating = first.run('create', 'ClusterInst', clusterInst());
    await first.until(async () => (await first.show('ClusterInst'))[0]?.state === 3, 'creating');
    await first.stop();
    await first.store.close();
    assert.match((await creating).at(-1) ?? '', /stopping/);

    const second = await TestController.start({ store: await LmdbStore.open(dir), timeouts: BRIEF }, config);
    await second.agent();
    await second.until(async () => (await second.show('ClusterInst'))[0]?.state === 5, 'ready');
    assert.equal(await second.run('create', 'AppInst', appInst()), [
      'Creating',
      'Ready',
      'Created successfully',
      'OK',
    ]);
    assert.is((await second.run('delete', 'AppInst', appInst())).at(-1), 'OK');
    assert.is((await second.run('delete', 'ClusterInst', clusterInst())).at(-1), 'OK');
    const [refs] = await second.show('CloudletRefs');
    assert.equal([refs?.usedRam, refs?.clusters, refs?.rootLbPorts], [0n, [], {}]);
    await second.stop();
    await second.store.close();
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('a report that comes while the store is away is stored when it is back', async () => {
  const store = new MemoryStore();
  const lines: string[] = [];
  const logger = createLogger({
    name: 'test',
    level: 'warn',
    destination: { write: (line) => lines.push(line) },
  });
  const controller = await TestController.start({ store, logger });
  try {
    await prepare(controller);
    const agent = await controller.agent();
    agent.clusterInst.create = 'stuck';
    const creating = controller.run('create', 'ClusterInst', clusterInst());
    await controller.until(async () => (await controller.show('ClusterInst'))[0]?.state === 3, 'creating');
    store.setUnavailable('no power');
    agent.clusterInfos.put({
      fields: [],
      key: { ...clusterKey(), cloudletKey: SITE },
      notifyId: 0n,
      state: 5,
      errors: [],
    });
    await controller.until(async () => lines.some((line) => line.includes('Report not stored yet')), 'tried');
    store.setUnavailable(undefined);
    assert.equal((await creating).slice(-2), ['Created successfully', 'OK']);
  } finally {
    store.setUnavailable(undefined);
    await controller.stop();
    await store.close();
  }
});

test('data of another version is refused, unless it is not looked at', async () => {
  const store = new MemoryStore();
  await store.txn({ ops: [{ type: 'put', key: '1/Version', value: 'd41d8cd98f00b204e9800998ecf8427e' }] });
  const refused = createController(testConfig(), { store });
  await refused.start().then(
    () => assert.unreachable(),
    (error: Error) =>
      assert.match(
        error.message,
        /^Running version doesn't match the version of etcd, data mode upgrade required: .* --auto-upgrade$/,
      ),
  );
  const controller = await TestController.start({ store }, { skipVersionCheck: true });
  assert.is((await store.get('1/Version')).entry?.value, 'd41d8cd98f00b204e9800998ecf8427e');
  await controller.stop();
  await store.close();
});

test('a port in use is named, and nothing is left behind', async () => {
  const store = new MemoryStore();
  const controller = await TestController.start({ store });
  const second = createController(testConfig({ apiAddr: controller.api }), { store });
  await second.start().then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, controller.api),
  );
  assert.is((await controller.show('Controller')).length, 1);
  await controller.stop();
  await store.close();
});

test.run();
