import { fail, isKind, ManualClock, seededRandom } from '@edgeplane/base';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type BadEntry, CacheSync } from './cache.js';
import { del, put, rejection, until } from './conformance-subject.js';
import { type CacheChange, MemoryStore, type Store, storeErrors } from './index.js';

interface App {
  readonly owner: string;
  readonly size: number;
}

function makeCaches(store: Store, clock?: ManualClock) {
  const bad: BadEntry[] = [];
  const sync = new CacheSync(store, 'r', {
    onBadEntry: (entry) => bad.push(entry),
    random: seededRandom(1),
    ...(clock && { clock }),
  });
  const apps = sync.register<App>({
    name: 'App',
    prefix: '1/App/',
    decode: ({ value }) => JSON.parse(value) as App,
    indexes: { owner: (app) => [app.owner], size: (app) => (app.size > 9 ? ['large', 'any'] : ['any']) },
  });
  const insts = sync.register<string>({
    name: 'AppInst',
    prefix: '1/AppInst/',
    decode: ({ value }) => value,
  });
  return { sync, apps, insts, bad };
}

const app = (key: string, owner: string, size = 1) => put(`r/1/App/${key}`, JSON.stringify({ owner, size }));

/** True when the cache holds what the store holds. */
async function converged(store: Store, { sync, apps }: ReturnType<typeof makeCaches>): Promise<void> {
  const { entries, revision } = await store.list('r/1/App/');
  await sync.reached(revision, AbortSignal.timeout(5000));
  assert.equal(
    apps.entries().sort((a, b) => (a.key < b.key ? -1 : 1)),
    entries.map((e) => ({ key: e.key.slice(8), value: JSON.parse(e.value), revision: e.revision })),
  );
}

test('lists, then follows', async () => {
  const store = new MemoryStore();
  await store.txn({
    ops: [app('a', 'x'), app('b', 'y', 10), put('other/1/App/c', '{}'), put('r/1/Unknown/d', '')],
  });
  const caches = makeCaches(store);
  const { sync, apps } = caches;
  await sync.start();
  assert.is(apps.size, 2);
  assert.equal(apps.keys().sort(), ['a', 'b']);
  const { revision } = await store.txn({ ops: [app('a', 'y'), del('r/1/App/b'), app('é/"', 'y', 20)] });
  await sync.reached(revision);
  assert.equal(apps.get('a'), { key: 'a', value: { owner: 'y', size: 1 }, revision });
  assert.is(apps.get('b'), undefined);
  assert.equal(apps.byIndex('owner', 'x'), []);
  assert.equal(
    apps
      .byIndex('owner', 'y')
      .map((o) => o.key)
      .sort(),
    ['a', 'é/"'],
  );
  assert.equal(
    apps.byIndex('size', 'large').map((o) => o.value.size),
    [20],
  );
  assert.throws(() => apps.byIndex('colour', 'red'), /App has no index colour/);
  await converged(store, caches);
  await sync.stop();
});

test('the objects of a transaction appear together, and listeners hear of them afterwards', async () => {
  const store = new MemoryStore();
  const { sync, apps, insts } = makeCaches(store);
  const heard: string[] = [];
  const perKey: CacheChange<string>[] = [];
  apps.subscribe(({ key }) => heard.push(`${key}: ${insts.get(key)?.value}`));
  insts.subscribe(({ key }) => heard.push(`${key}: ${apps.get(key)?.value.owner}`));
  const unwatch = insts.watchKey('a', (change) => perKey.push(change));
  await sync.start();
  const first = await store.txn({
    ops: [app('a', 'x'), put('r/1/AppInst/a', 'i1'), put('r/1/AppInst/b', 'i2')],
  });
  await sync.reached(first.revision);
  assert.equal(heard.sort(), ['a: i1', 'a: x', 'b: undefined']);
  const second = await store.txn({ ops: [del('r/1/AppInst/a')] });
  await sync.reached(second.revision);
  unwatch();
  await sync.reached((await store.txn({ ops: [put('r/1/AppInst/a', 'i3')] })).revision);
  assert.equal(perKey, [
    { key: 'a', value: 'i1', revision: first.revision },
    { key: 'a', previous: 'i1', revision: second.revision },
  ]);
  await sync.stop();
});

test('what is iterated is a snapshot; a listener that throws hurts nobody else', async () => {
  const store = new MemoryStore();
  await store.txn({ ops: [app('a', 'x'), app('b', 'x')] });
  const { sync, apps } = makeCaches(store);
  await sync.start();
  const before = apps.byIndex('owner', 'x');
  const values = apps.values();
  let told = 0;
  apps.subscribe(() => {
    throw new Error('broken');
  });
  apps.subscribe(() => {
    told += 1;
  });
  await sync.reached((await store.txn({ ops: [del('r/1/App/a'), app('b', 'y')] })).revision);
  assert.is(told, 2);
  assert.is(before.length, 2);
  assert.is(values.length, 2);
  await sync.stop();
});

test('a bad entry is reported once, the last good value stays, a good one heals it', async () => {
  const store = new MemoryStore();
  await store.txn({ ops: [app('a', 'x'), put('r/1/App/never', 'not json')] });
  const { sync, apps, bad } = makeCaches(store);
  await sync.start();
  const { revision } = await store.txn({ ops: [put('r/1/App/a', '{'), app('b', 'x')] });
  await sync.reached(revision);
  assert.equal(
    bad.map((b) => [b.key, b.type]),
    [
      ['r/1/App/never', 'App'],
      ['r/1/App/a', 'App'],
    ],
  );
  assert.is(apps.get('a')?.value.owner, 'x');
  assert.ok(apps.has('b'));
  assert.is(sync.badKeys.get('r/1/App/a'), revision);
  await sync.reached(
    (await store.txn({ ops: [app('a', 'z'), del('r/1/App/never'), put('r/', ''), put('r/1/App/', '[')] }))
      .revision,
  );
  assert.is(apps.get('a')?.value.owner, 'z');
  assert.equal([...sync.badKeys.keys()], ['r/1/App/']);
  await sync.stop();
});

/** A store whose watches can be cut, so that history is compacted behind them. */
class Cuttable extends MemoryStore {
  cut = new AbortController();
  blocked = false;

  override watch(prefix: string, after: number, signal: AbortSignal) {
    return super.watch(prefix, after, AbortSignal.any([signal, this.cut.signal]));
  }

  override async list(prefix: string) {
    while (this.blocked) await new Promise((resolve) => setImmediate(resolve));
    return super.list(prefix);
  }
}

test('after compaction it lists again and tells the difference, deletions too', async () => {
  const store = new Cuttable();
  await store.txn({ ops: [app('a', 'x'), app('b', 'x'), app('c', 'x')] });
  const caches = makeCaches(store);
  const { sync, apps } = caches;
  await sync.start();
  const heard: string[] = [];
  apps.subscribe(({ key, value, previous }) => heard.push(`${key} ${previous?.owner}->${value?.owner}`));
  store.blocked = true;
  store.cut.abort();
  await store.txn({ ops: [del('r/1/App/a'), app('b', 'y'), app('d', 'z')] });
  await store.txn({ ops: [app('e', 'z')] });
  const { revision } = await store.txn({ ops: [del('r/1/App/e')] });
  store.compact(revision);
  store.cut = new AbortController();
  store.blocked = false;
  await sync.reached(revision, AbortSignal.timeout(5000));
  assert.equal(heard.sort(), ['a x->undefined', 'b x->y', 'd undefined->z']);
  await store.txn({ ops: [app('f', 'x')] });
  await converged(store, caches);
  await sync.stop();
});

test('a compaction between two pages of the first listing: it begins again, and nothing of before stays', async () => {
  const store = new MemoryStore();
  await store.txn({ ops: [app('a', 'x'), app('b', 'y'), app('c', 'z')] });
  let listings = 0;
  store.listPages = async function* (prefix) {
    listings += 1;
    const { entries, revision } = await store.list(prefix);
    yield { entries: entries.slice(0, 2), revision };
    if (listings === 1) {
      await store.txn({ ops: [del('r/1/App/a'), app('b', 'w')] });
      throw fail(storeErrors.COMPACTED, { after: 1, oldest: 2 });
    }
    yield { entries: entries.slice(2), revision };
  };
  const caches = makeCaches(store);
  const told: CacheChange<App>[] = [];
  caches.apps.subscribe((change) => {
    assert.is(caches.sync.revision, 3, 'nobody is told before all is there');
    told.push(change);
  });
  await caches.sync.start();
  assert.is(listings, 2);
  await converged(store, caches);
  assert.equal(caches.apps.byIndex('owner', 'x'), []);
  assert.equal(told.at(-1), { key: 'a', previous: { owner: 'x', size: 1 }, revision: 3 });
  await caches.sync.stop();
});

test('an outage of the store is waited out', async () => {
  const store = new Cuttable();
  const caches = makeCaches(store);
  await caches.sync.start();
  store.setUnavailable('test');
  store.cut.abort();
  await new Promise((resolve) => setImmediate(resolve));
  store.setUnavailable(undefined);
  store.cut = new AbortController();
  await store.txn({ ops: [app('a', 'x')] });
  await converged(store, caches);
  await caches.sync.stop();
});

/** A store that never says anything about revisions in which the prefix has no change, as etcd. */
class Unmarked extends MemoryStore {
  override async *watch(prefix: string, after: number, signal: AbortSignal) {
    for await (const batch of super.watch(prefix, after, signal)) if (batch.events.length > 0) yield batch;
  }
}

test('reached does not hang on a revision outside the region', async () => {
  const clock = new ManualClock();
  const store = new Unmarked();
  const { sync } = makeCaches(store, clock);
  await sync.start();
  const { revision } = await store.txn({ ops: [put('elsewhere', '1')] });
  let done = false;
  const reaching = sync.reached(revision).then(() => {
    done = true;
  });
  const future = new AbortController();
  const never = rejection(sync.reached(revision + 100, future.signal));
  await until('the probe is set', async () => clock.pending > 0);
  assert.is(done, false);
  clock.advance(500);
  await reaching;
  future.abort(new Error('enough'));
  assert.is(((await never) as Error).message, 'enough');
  await sync.stop();
  assert.is(clock.pending, 0);
});

test('stop and a closed store end what waits', async () => {
  const store = new MemoryStore();
  const first = makeCaches(store);
  await first.sync.start();
  const waiting = rejection(first.sync.reached(1000));
  await first.sync.stop();
  assert.ok(isKind(await waiting, storeErrors.STORE_CLOSED));
  const second = makeCaches(store);
  await second.sync.start();
  const other = rejection(second.sync.reached(1000));
  await store.close();
  assert.ok(isKind(await other, storeErrors.STORE_CLOSED));
  await second.sync.stop();
  assert.ok(isKind(await rejection(makeCaches(store).sync.start()), storeErrors.STORE_CLOSED));
});

test('random changes, cuts and compactions: the cache equals the store, and listeners can mirror it', async () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd');
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.tuple(fc.constant('put'), key, fc.constantFrom('x', 'y')) },
    { weight: 3, arbitrary: fc.tuple(fc.constant('delete'), key, fc.constant('')) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('compact'), key, fc.constant('')) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('turn'), key, fc.constant('')) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const store = new MemoryStore();
      const caches = makeCaches(store);
      const mirror = new Map<string, string>();
      caches.apps.subscribe(({ key: k, value, previous }) => {
        assert.is(mirror.get(k), previous?.owner);
        if (value) mirror.set(k, value.owner);
        else mirror.delete(k);
      });
      await caches.sync.start();
      for (const [what, k, owner] of steps) {
        if (what === 'put') await store.txn({ ops: [app(k, owner)] });
        else if (what === 'delete') await store.txn({ ops: [del(`r/1/App/${k}`)] });
        else if (what === 'compact') store.compact((await store.get('x')).revision);
        else await new Promise((resolve) => setImmediate(resolve));
      }
      await converged(store, caches);
      for (const owner of ['x', 'y']) {
        const indexed = caches.apps.byIndex('owner', owner).map((o) => o.key);
        const mirrored = [...mirror].filter(([, o]) => o === owner).map(([k]) => k);
        assert.equal(indexed.sort(), mirrored.sort());
      }
      await caches.sync.stop();
    }),
    { numRuns: 60 },
  );
});

test.run();
