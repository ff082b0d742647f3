import { ManualClock, seededRandom, silentLogger, systemClock } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import type { App } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst, AppInstInfo } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { ClusterInst } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import type { Flavor } from '@edgeplane/proto/edgeproto/flavor.js';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { appKind } from './app-kind.js';
import { FAKE_DEFAULTS, FakeDriver, type FakeSettings, parseFakeRules } from './drivers/fake/index.js';
import { Reporter } from './reporter.js';
import { NO_RESERVE } from './reserve.js';
import { testApp, testAppInst, testClusterInst, testDriverContext, testFlavor } from './testing.js';
import { InstanceWorkers } from './workers.js';

const S = TrackedState;

/** One kind of worker with a controller that only moves the desired state. */
async function setUp(settings: Partial<FakeSettings> = {}, clock = systemClock) {
  const tables = {
    flavors: new Map<string, Flavor>(),
    apps: new Map<string, App>(),
    appInsts: new Map<string, AppInst>(),
    clusterInsts: new Map<string, ClusterInst>(),
  };
  const infos = new Map<string, AppInstInfo>();
  const reports: { state: TrackedState; errors: readonly string[] }[] = [];
  const keyJson = OBJECTS.AppInst.keyJsonOf(testAppInst());
  const driver = new FakeDriver({ ...FAKE_DEFAULTS, ...settings });
  /** What was made durable, and what the driver had then. */
  const remembered: { state: TrackedState | undefined; kept: readonly string[] }[] = [];
  await driver.init(testDriverContext({ clock }));
  let session = 1;
  const reporter = new Reporter<AppInstInfo>({
    typeName: 'edgeproto.AppInstInfo',
    table: {
      get: (k) => infos.get(k),
      put(info) {
        infos.set(OBJECTS.AppInstInfo.keyJsonOf(info), info);
        reports.push({ state: info.state, errors: info.errors });
      },
      delete(k) {
        if (infos.delete(k)) reports.push({ state: S.NOT_PRESENT, errors: [] });
      },
    },
    build: (k, state, errors) => ({
      ...OBJECTS.AppInstInfo.withKey(OBJECTS.AppInstInfo.parseKeyJson(k)),
      state,
      errors: [...errors],
    }),
    flushed: async () => undefined,
    clock: systemClock,
    logger: silentLogger,
  });
  const workers = new InstanceWorkers({
    kind: appKind(tables, driver, NO_RESERVE, silentLogger),
    reporter,
    session: () => session,
    persist: async () => {
      const kept = (await driver.recover()).appInsts.map((i) => i.state);
      remembered.push({ state: tables.appInsts.get(keyJson)?.state, kept });
      throw new Error('the disk is full');
    },
    clock,
    random: seededRandom(1),
    logger: silentLogger,
  });
  const [flavor, app, cluster] = [testFlavor(), testApp(), testClusterInst()];
  tables.flavors.set(OBJECTS.Flavor.keyJsonOf(flavor), flavor);
  tables.apps.set(OBJECTS.App.keyJsonOf(app), app);
  tables.clusterInsts.set(OBJECTS.ClusterInst.keyJsonOf(cluster), cluster);
  const send = (state: TrackedState | undefined) => {
    if (state === undefined) tables.appInsts.delete(keyJson);
    else tables.appInsts.set(keyJson, testAppInst({ state }));
    workers.notice(keyJson);
  };
  return {
    tables,
    infos,
    reports,
    driver,
    workers,
    remembered,
    keyJson,
    send,
    states: () => reports.map((r) => r.state),
    reconnect: () => ++session,
    has: async () => (await driver.recover()).appInsts.map((i) => i.state),
  };
}

test('create and delete report each step', async () => {
  const t = await setUp();
  t.send(S.CREATE_REQUESTED);
  await t.workers.idle();
  assert.equal(t.states(), [S.CREATING, S.READY]);
  t.send(S.READY);
  t.send(S.DELETE_REQUESTED);
  await t.workers.idle();
  assert.equal(t.states(), [S.CREATING, S.READY, S.DELETING, S.NOT_PRESENT]);
  assert.equal(await t.has(), []);
});

test('a creation that the controller gave up before it heard of it is taken back', async () => {
  const t = await setUp();
  t.send(S.CREATE_REQUESTED);
  await t.workers.idle();
  assert.equal(await t.has(), ['ready']);
  t.send(undefined);
  await t.workers.idle();
  assert.equal(await t.has(), []);
  assert.is(t.infos.size, 0);
});

test('before anything is removed it is remembered that it is to be, unless the disk fails', async () => {
  const t = await setUp();
  t.send(S.CREATE_REQUESTED);
  await t.workers.idle();
  assert.equal(t.remembered, []);
  t.send(undefined);
  await t.workers.idle();
  t.send(S.CREATE_REQUESTED);
  await t.workers.idle();
  t.send(S.DELETE_REQUESTED);
  await t.workers.idle();
  assert.equal(t.remembered, [
    { state: undefined, kept: ['ready'] },
    { state: S.DELETE_REQUESTED, kept: ['ready'] },
  ]);
  assert.equal(await t.has(), []);
});

test('what the controller knew of is kept when it vanishes', async () => {
  for (const known of [S.CREATING, S.READY]) {
    const t = await setUp();
    t.send(S.CREATE_REQUESTED);
    await t.workers.idle();
    t.send(known);
    t.send(undefined);
    await t.workers.idle();
    assert.equal(await t.has(), ['ready']);
  }
});

test('what an earlier run left half done is removed when the controller no longer has it', async () => {
  const t = await setUp();
  t.send(S.CREATE_REQUESTED);
  await t.workers.idle();
  t.send(S.READY);
  t.tables.appInsts.delete(t.keyJson);
  t.workers.synced();
  await t.workers.idle();
  assert.equal(await t.has(), ['ready'], 'not what was whole');
  t.workers.recovered([{ keyJson: t.keyJson, state: 'creating' }]);
  t.workers.synced();
  await t.workers.idle();
  assert.equal(await t.has(), []);
});

test('what an earlier run made unheard is taken back when the controller gave it up', async () => {
  const t = await setUp();
  t.tables.appInsts.set(t.keyJson, testAppInst({ state: S.CREATE_REQUESTED }));
  t.workers.recovered([{ keyJson: t.keyJson, state: 'ready' }]);
  t.workers.remember([t.keyJson]);
  t.send(undefined);
  await t.workers.idle();
  assert.equal(await t.has(), []);
  assert.equal(t.remembered.length, 1, 'it was taken back');
});

test('an answer that was lost with the connection is given again, though nothing is sent again', async () => {
  const t = await setUp();
  t.send(S.CREATE_REQUESTED);
  await t.workers.idle();
  t.send(S.DELETE_REQUESTED);
  await t.workers.idle();
  t.send(S.DELETING);
  await t.workers.idle();
  const before = t.reports.length;
  t.workers.synced();
  await t.workers.idle();
  assert.is(t.reports.length, before, 'not on the same connection');
  t.reconnect();
  t.workers.synced();
  await t.workers.idle();
  assert.equal(t.states().slice(before), [S.DELETING, S.NOT_PRESENT]);
});

test('what could not be taken back is taken back later', async () => {
  const clock = new ManualClock();
  const t = await setUp({ rules: parseFakeRules('delete-app=fail-once:jammed') }, clock);
  t.send(S.CREATE_REQUESTED);
  await t.workers.idle();
  t.send(undefined);
  await t.workers.idle();
  assert.equal(await t.has(), ['deleting']);
  clock.advance(1000);
  await t.workers.idle();
  assert.equal(await t.has(), []);
});

test('a second try that the controller does not know of is taken back with the first', async () => {
  const t = await setUp({ rules: parseFakeRules('create-app=fail-once:no luck') });
  t.send(S.CREATE_REQUESTED);
  await t.workers.idle();
  assert.is(t.states().at(-1), S.CREATE_ERROR);
  // It comes again with a new connection, before the report is heard.
  t.send(S.CREATE_REQUESTED);
  await t.workers.idle();
  assert.is(t.states().at(-1), S.READY);
  t.send(S.CREATE_ERROR);
  t.send(undefined);
  await t.workers.idle();
  assert.equal(await t.has(), []);
});

test('a failed create reports the text and leaves nothing', async () => {
  const t = await setUp({ rules: parseFakeRules('create-app@web=fail:no room') });
  t.send(S.CREATE_REQUESTED);
  await t.workers.idle();
  assert.equal(t.reports.at(-1), { state: S.CREATE_ERROR, errors: ['Create App Inst failed: no room'] });
  assert.equal(await t.has(), []);
  t.send(undefined);
  await t.workers.idle();
  assert.is(t.infos.size, 0);
});

test('an update reports each step; one that fails goes back to what was there', async () => {
  const t = await setUp({ rules: parseFakeRules('update-app=fail-once:no room') });
  t.send(S.CREATE_REQUESTED);
  await t.workers.idle();
  for (const end of [S.UPDATE_ERROR, S.READY]) {
    t.tables.appInsts.set(
      t.keyJson,
      testAppInst({
        state: S.UPDATE_REQUESTED,
        configs: [{ kind: 'envVarsYaml', config: '' }],
        previous: { flavor: testFlavor().key, configs: [] },
      }),
    );
    t.workers.notice(t.keyJson);
    await t.workers.idle();
    assert.equal(t.states().slice(-2), [S.UPDATING, end]);
    assert.equal(await t.has(), ['ready']);
  }
  const failed = t.reports.find((r) => r.state === S.UPDATE_ERROR);
  assert.equal(failed?.errors, ['Update App Inst failed: no room']);
});

test('a failed delete can be asked for again', async () => {
  const t = await setUp({ rules: parseFakeRules('delete-app=fail-once:stuck') });
  t.send(S.CREATE_REQUESTED);
  await t.workers.idle();
  t.send(S.DELETE_REQUESTED);
  await t.workers.idle();
  assert.equal(t.reports.at(-1), { state: S.DELETE_ERROR, errors: ['Delete App Inst failed: stuck'] });
  t.send(S.DELETE_REQUESTED);
  await t.workers.idle();
  assert.equal(t.states().slice(-2), [S.DELETING, S.NOT_PRESENT]);
});

test('a delete that failed and was undone is completed as READY', async () => {
  const t = await setUp({ rules: parseFakeRules('delete-app=fail-once:stuck') });
  for (const state of [S.CREATE_REQUESTED, S.DELETE_REQUESTED, S.READY]) {
    t.send(state);
    await t.workers.idle();
  }
  assert.is(t.reports.at(-1)?.state, S.READY);
  assert.equal(await t.has(), ['ready']);
});

test('missing flavor and cluster are named', async () => {
  const t = await setUp();
  t.tables.flavors.clear();
  t.send(S.CREATE_REQUESTED);
  await t.workers.idle();
  assert.equal(t.reports.at(-1), { state: S.CREATE_ERROR, errors: ['Flavor small not found'] });
  const u = await setUp();
  u.tables.clusterInsts.clear();
  u.send(S.CREATE_REQUESTED);
  await u.workers.idle();
  assert.equal(u.reports.at(-1)?.errors, ['Cluster instance cluster1 not found']);
  u.send(S.DELETE_REQUESTED);
  await u.workers.idle();
  assert.is(u.reports.at(-1)?.state, S.DELETE_ERROR);
});

test('a vm needs no cluster', async () => {
  const t = await setUp();
  t.tables.clusterInsts.clear();
  const app = testApp({ deployment: 'vm' });
  t.tables.apps.set(OBJECTS.App.keyJsonOf(app), app);
  t.send(S.CREATE_REQUESTED);
  await t.workers.idle();
  assert.is(t.reports.at(-1)?.state, S.READY);
});

test('an instance waits for its App', async () => {
  const t = await setUp();
  const [entry] = t.tables.apps.entries();
  if (!entry) throw new Error('no App');
  t.tables.apps.clear();
  t.send(S.CREATE_REQUESTED);
  await t.workers.idle();
  assert.equal(t.states(), []);
  t.tables.apps.set(...entry);
  t.workers.wakeWaiting();
  await t.workers.idle();
  assert.equal(t.states(), [S.CREATING, S.READY]);
  t.workers.wakeWaiting();
  await t.workers.idle();
  assert.equal(t.states(), [S.CREATING, S.READY]);
});

test('CREATE_REQUESTED of a running instance reports READY again', async () => {
  const t = await setUp();
  t.send(S.CREATE_REQUESTED);
  await t.workers.idle();
  t.send(S.CREATE_REQUESTED);
  await t.workers.idle();
  assert.equal(t.states(), [S.CREATING, S.READY, S.CREATING, S.READY]);
});

test('DELETING without a report deletes once per connection', async () => {
  const t = await setUp();
  t.send(S.DELETING);
  await t.workers.idle();
  assert.equal(t.states(), [S.DELETING, S.NOT_PRESENT]);
  t.send(S.DELETING);
  await t.workers.idle();
  assert.is(t.reports.length, 2);
  t.reconnect();
  t.send(S.DELETING);
  await t.workers.idle();
  assert.is(t.reports.length, 4);
});

test('a request to delete cuts a create short', async () => {
  const clock = new ManualClock();
  const t = await setUp({ createDelayMs: 3_600_000 }, clock);
  t.send(S.CREATE_REQUESTED);
  while (clock.pending === 0) await new Promise((r) => setImmediate(r));
  t.send(S.DELETE_REQUESTED);
  await t.workers.idle();
  assert.equal(t.states(), [S.CREATING, S.DELETING, S.NOT_PRESENT]);
  assert.equal(await t.has(), []);
});

test('a stopped worker reports nothing more', async () => {
  const clock = new ManualClock();
  const t = await setUp({ createDelayMs: 3_600_000 }, clock);
  t.send(S.CREATE_REQUESTED);
  while (clock.pending === 0) await new Promise((r) => setImmediate(r));
  await t.workers.stop();
  assert.equal(t.states(), [S.CREATING]);
});

test('what was recovered is reported READY without being made again', async () => {
  const t = await setUp({ rules: parseFakeRules('create-app=fail:must not run') });
  t.workers.recovered([{ keyJson: t.keyJson, state: 'ready' }]);
  t.send(S.READY);
  await t.workers.idle();
  assert.equal(t.states(), [S.READY]);
});

test('any interleaving of desired states ends where the last one says', async () => {
  const step = fc.constantFrom(
    S.CREATE_REQUESTED,
    S.CREATING,
    S.READY,
    S.DELETE_REQUESTED,
    S.DELETING,
    S.DELETE_PREPARE,
    undefined,
  );
  const last = fc.constantFrom(S.CREATE_REQUESTED, S.DELETE_REQUESTED);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(step, fc.boolean()), { maxLength: 12 }), last, async (steps, end) => {
      const t = await setUp();
      for (const [state, pause] of steps) {
        t.send(state);
        if (pause) await t.workers.idle();
      }
      t.send(end);
      await t.workers.idle();
      const created = end === S.CREATE_REQUESTED;
      assert.equal(await t.has(), created ? ['ready'] : []);
      assert.is(t.infos.get(t.keyJson)?.state, created ? S.READY : undefined);
    }),
    { numRuns: 200 },
  );
});

test.run();
