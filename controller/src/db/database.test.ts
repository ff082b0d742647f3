import { deferred, systemClock, systemRandom } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { CacheSync, MemoryStore, type Store } from '@edgeplane/store';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { registerCaches } from '../caches.js';
import { Database } from './database.js';
import { objectKey } from './store-keys.js';

const TYPE = OBJECTS.Flavor;
const flavor = (name: string, ram: bigint) => ({ ...TYPE.withKey({ name }), ram, vcpus: 1n, disk: 1n });

/** Counts reads of single keys. */
class CountingStore extends MemoryStore {
  reads = 0;
  override get(key: string) {
    this.reads += 1;
    return super.get(key);
  }
}

async function setUp(store: Store) {
  const sync = new CacheSync(store, '1');
  const caches = registerCaches(sync);
  await sync.start();
  const signal = new AbortController().signal;
  const db = new Database({ store, sync, region: 1, clock: systemClock, random: systemRandom, signal });
  return { sync, caches, db };
}

test('a transaction reads from the caches', async () => {
  const store = new CountingStore();
  const { sync, db } = await setUp(store);
  await db.create(TYPE, flavor('a', 1n));
  await db.update(TYPE, { name: 'a' }, (stored) => ({ ...stored, ram: stored.ram + 1n }));
  assert.is(store.reads, 0);
  const { value } = await db.commit((tx) => tx.get(TYPE, { name: 'a' }));
  assert.is(value?.ram, 2n);
  await sync.stop();
});

test('old caches only cost a second run, which asks the store', async () => {
  const store = new CountingStore();
  const { sync, db } = await setUp(store);
  await db.create(TYPE, flavor('a', 1n));
  // Nothing new reaches the caches from here on.
  await sync.stop();
  const key = (name: string) => objectKey(1, 'Flavor', TYPE.keyJson({ name }));
  await store.txn({
    ops: [
      { type: 'put', key: key('a'), value: TYPE.toStored(flavor('a', 7n)) },
      { type: 'put', key: key('b'), value: TYPE.toStored(flavor('b', 8n)) },
    ],
  });
  const { value } = await db.commit(async (tx) => [
    (await tx.get(TYPE, { name: 'a' }))?.ram,
    (await tx.entry(TYPE, { name: 'b' })) !== undefined,
  ]);
  assert.equal(value, [7n, true]);
  assert.ok(store.reads > 0);
});

/** A store whose watch tells nothing before the gate is open. */
class LateStore extends MemoryStore {
  readonly gate = deferred();
  override async *watch(prefix: string, after: number, signal: AbortSignal) {
    for await (const batch of super.watch(prefix, after, signal)) {
      await this.gate.promise;
      yield batch;
    }
  }
}

test('a commit returns when the caches have it', async () => {
  const store = new LateStore();
  const { sync, caches, db } = await setUp(store);
  let returned = false;
  const committed = db.create(TYPE, flavor('a', 1n)).then(() => {
    returned = true;
  });
  while ((await store.list('1/')).entries.length === 0) await new Promise(setImmediate);
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  assert.not(returned);
  store.gate.resolve();
  await committed;
  assert.ok(caches.flavors.get(TYPE.keyJson({ name: 'a' })));
  await sync.stop();
});

test('an own write is seen instead of what the caches have', async () => {
  const { sync, db } = await setUp(new MemoryStore());
  await db.create(TYPE, flavor('a', 1n));
  const { value } = await db.commit(async (tx) => {
    tx.put(TYPE, flavor('a', 5n));
    const changed = (await tx.get(TYPE, { name: 'a' }))?.ram;
    tx.delete(TYPE, { name: 'a' });
    return [changed, await tx.get(TYPE, { name: 'a' }), await tx.entry(TYPE, { name: 'a' })];
  });
  assert.equal(value, [5n, undefined, undefined]);
  await sync.stop();
});

test.run();
