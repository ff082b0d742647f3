/** An agent without a link: it does what the controller last wanted, and believes nothing else of it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, silentLogger, systemClock } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Agent, createAgent } from './agent.js';
import { parseConfig } from './config.js';
import { desiredTables } from './desired.js';
import type { AppInstRequest, ClusterInstRequest, Operation } from './drivers/driver.js';
import { FAKE_DEFAULTS, FakeDriver, type FakeSettings, parseFakeRules } from './drivers/fake/index.js';
import { QUIET_MS } from './settling.js';
import { testApp, testAppInst, testCloudletKey, testClusterInst, testFlavor } from './testing.js';
import { TestController } from './testing-controller.js';

const S = TrackedState;
const work = mkdtempSync(join(tmpdir(), 'autonomy-'));
test.after(() => rmSync(work, { recursive: true, force: true }));

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let i = 0; i < 15_000; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error(`${what}: not met in time`);
}

/** Tells what it was asked to change. */
class WatchedDriver extends FakeDriver {
  readonly calls: string[] = [];

  override createClusterInst(request: ClusterInstRequest, operation: Operation): Promise<void> {
    this.calls.push('create cluster');
    return super.createClusterInst(request, operation);
  }
  override createAppInst(request: AppInstRequest, operation: Operation): Promise<void> {
    this.calls.push(`create ${request.app.key?.name}`);
    return super.createAppInst(request, operation);
  }
  override updateAppInst(request: AppInstRequest, operation: Operation): Promise<void> {
    this.calls.push(`update ${request.app.key?.name}`);
    return super.updateAppInst(request, operation);
  }
  override deleteAppInst(keyJson: string, operation: Operation): Promise<void> {
    this.calls.push(`delete ${OBJECTS.AppInst.parseKeyJson(keyJson).appKey?.name}`);
    return super.deleteAppInst(keyJson, operation);
  }
  async ready(): Promise<string[]> {
    const { appInsts } = await this.recover();
    return appInsts
      .filter(({ state }) => state === 'ready')
      .map(({ keyJson }) => OBJECTS.AppInst.parseKeyJson(keyJson).appKey?.name ?? '')
      .sort();
  }
}

/** Time as it is, but that nobody waits for a connection to be quiet. */
class HurriedClock implements Clock {
  readonly now = systemClock.now;
  readonly monotonic = systemClock.monotonic;
  readonly #waiting = new Set<() => void>();

  after(ms: number, fn: () => void): () => void {
    if (ms !== QUIET_MS) return systemClock.after(ms, fn);
    this.#waiting.add(fn);
    return () => void this.#waiting.delete(fn);
  }

  get waited(): boolean {
    return this.#waiting.size > 0;
  }

  quiet(): void {
    for (const fn of [...this.#waiting]) fn();
    this.#waiting.clear();
  }
}

/** One site: its controller may be down, its host may reboot. */
class Site {
  controller = new TestController();
  driver = new WatchedDriver();
  clock = new HurriedClock();
  address = '';
  #tables = desiredTables();
  readonly version: number;
  readonly #dir: string;
  #agent: Agent | undefined;

  constructor(name: string, version: number) {
    this.#dir = join(work, `${name}${version}`);
    this.version = version;
  }

  get stored() {
    return this.controller.tables;
  }

  async linkUp(): Promise<void> {
    this.controller = new TestController(this.controller.tables, this.version);
    this.address = await this.controller.listen(this.address || undefined);
  }

  async start(fake: Partial<FakeSettings> = {}): Promise<void> {
    this.clock = new HurriedClock();
    this.driver = new WatchedDriver({ ...FAKE_DEFAULTS, ...fake });
    const key = OBJECTS.Cloudlet.keyJson(testCloudletKey);
    const { config } = parseConfig(
      [
        ...['--cloudletKey', key, '--platform', 'fakecloudlet', '--notifyAddrs', this.address],
        ...['--apiAddr', 'off', '--metrics-interval', '0', '--state-dir', this.#dir],
        ...['--notify-version', String(this.version)],
      ],
      { variables: {}, cwd: work },
    );
    this.#tables = desiredTables();
    this.#agent = createAgent(config, {
      logger: silentLogger,
      ...{ driver: this.driver, clock: this.clock, tables: this.#tables },
    });
    await this.#agent.start();
  }

  async stop(): Promise<void> {
    await this.#agent?.stop();
  }

  /** What ran is gone, and its records with it. */
  reboot(): void {
    rmSync(join(this.#dir, 'fakecloudlet'), { recursive: true, force: true });
  }

  request(name: string): void {
    const app = testApp({}, name);
    this.stored.apps.put(app);
    this.stored.appInsts.put(testAppInst({}, app));
  }

  instance(name: string) {
    return this.stored.appInsts.find(OBJECTS.AppInst.key(testAppInst({}, testApp({}, name))));
  }

  change(name: string, state: TrackedState): void {
    const instance = this.instance(name);
    if (instance) this.stored.appInsts.put({ ...instance, state });
  }

  forget(name: string): void {
    const instance = this.instance(name);
    if (instance) this.stored.appInsts.delete(OBJECTS.AppInst.key(instance));
  }

  /** In the store, and at the agent. */
  allReady(): boolean {
    return (['clusterInsts', 'appInsts'] as const).every((name) =>
      [...this.stored[name].entries()].every(
        ([key, { state }]) => state === S.READY && this.#tables[name].get(key)?.state === S.READY,
      ),
    );
  }
}

/** A site with running instances, whose agent has ended and whose controller is down. */
async function settled(name: string, apps: readonly string[], version = 1): Promise<Site> {
  const site = new Site(name, version);
  await site.linkUp();
  site.stored.flavors.put(testFlavor());
  site.stored.cloudlets.put(OBJECTS.Cloudlet.withKey(testCloudletKey));
  site.stored.clusterInsts.put(testClusterInst());
  await site.start();
  for (const app of apps) site.request(app);
  await until('instances', () => site.allReady());
  await site.stop();
  await site.controller.stop();
  return site;
}

async function running(site: Site, apps: readonly string[]): Promise<void> {
  let ready: string[] = [];
  for (let i = 0; i < 5000; i++) {
    ready = await site.driver.ready();
    if (ready.join() === apps.join()) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.equal(ready, apps);
}

async function end(site: Site): Promise<void> {
  await site.stop();
  await site.controller.stop();
}

test('after a reboot without a link the instances run again, and the link changes nothing', async () => {
  const site = await settled('reboot', ['one', 'two']);
  site.reboot();
  await site.start();
  try {
    await running(site, ['one', 'two']);
    const calls = [...site.driver.calls].sort();
    assert.equal(calls, ['create cluster', 'create one', 'create two']);
    assert.is(site.driver.calls[0], 'create cluster', 'AppInsts run in it');
    await site.linkUp();
    await until('reports', () => site.controller.ready.size === 3);
    assert.equal([...site.driver.calls].sort(), calls, 'what is healthy is left alone');
  } finally {
    await end(site);
  }
});

test('what still runs is not touched, with a link or without', async () => {
  const site = await settled('healthy', ['one']);
  await site.start();
  try {
    await running(site, ['one']);
    await site.linkUp();
    await until('reports', () => site.controller.ready.size === 2);
    assert.equal(site.driver.calls, []);
  } finally {
    await end(site);
  }
});

test('a restarted agent is sent what has changed since', async () => {
  const site = await settled('restarted', ['one', 'two'], 2);
  site.stored.flavors.put({ ...testFlavor(), ram: 77n });
  await site.linkUp();
  await site.start();
  try {
    await until('reports', () => site.controller.ready.size === 3);
    assert.is(site.controller.changesSent, 1);
  } finally {
    await end(site);
  }
});

for (const version of [1, 2]) {
  test(`what was changed or deleted meanwhile is so once the link is back, version ${version}`, async () => {
    const site = await settled('meanwhile', ['changed', 'deleted', 'forgotten', 'kept'], version);
    site.reboot();
    await site.start();
    try {
      await running(site, ['changed', 'deleted', 'forgotten', 'kept']);
      site.change('changed', S.UPDATE_REQUESTED);
      site.change('deleted', S.DELETE_REQUESTED);
      site.forget('forgotten');
      site.request('new');
      site.driver.calls.length = 0;
      await site.linkUp();
      await until('settled', () => site.instance('deleted') === undefined && site.allReady());
      if (version === 1) {
        await running(site, ['changed', 'forgotten', 'kept', 'new']);
        assert.ok(site.clock.waited, 'what may still be sent is not gone');
        site.clock.quiet();
      }
      await running(site, ['changed', 'kept', 'new']);
      assert.equal([...site.driver.calls].sort(), [
        ...['create new', 'delete deleted', 'delete forgotten', 'update changed'],
      ]);
    } finally {
      await end(site);
    }
  });
}

test('a link that is lost before all has come takes nothing away', async () => {
  const site = await settled('flap', ['one']);
  const { clusterInsts, appInsts } = site.stored;
  const [cluster, instance] = [[...clusterInsts.values()], [...appInsts.values()]];
  // As if it had not got so far.
  for (const table of [clusterInsts, appInsts]) for (const key of [...table.keys()]) table.deleteKeyJson(key);
  await site.linkUp();
  await site.start();
  await until('a begin', () => site.clock.waited);
  await end(site);
  for (const each of cluster) clusterInsts.put(each);
  for (const each of instance) appInsts.put(each);
  site.reboot();
  await site.start();
  try {
    await running(site, ['one']);
  } finally {
    await end(site);
  }
});

test('what was to be deleted is neither started nor deleted before the controller is heard', async () => {
  const site = await settled('deleting', ['here', 'gone']);
  await site.linkUp();
  // It cannot, so that this is what is remembered.
  await site.start({ rules: parseFakeRules('delete-app=fail:not now') });
  site.change('here', S.DELETE_REQUESTED);
  await until('an error', () => site.instance('here')?.state === S.DELETE_ERROR);
  site.change('here', S.DELETE_REQUESTED);
  await until('asked again', () => site.driver.calls.length === 2);
  await end(site);
  // The second failure may have been heard, too.
  site.change('here', S.DELETE_REQUESTED);
  await site.start();
  try {
    await running(site, ['gone']);
    assert.equal(site.driver.calls, []);
    await site.linkUp();
    await until('deleted', () => site.instance('here') === undefined);
    assert.equal(site.driver.calls, ['delete here']);
  } finally {
    await end(site);
  }
});

test('what does not start is tried again', async () => {
  const site = await settled('again', ['one']);
  site.reboot();
  await site.start({ rules: parseFakeRules('create-app=fail-once:no image yet') });
  try {
    await running(site, ['one']);
    assert.not.ok(site.driver.calls.includes('delete one'), 'what there is of it is left');
  } finally {
    await end(site);
  }
});

test.run();
