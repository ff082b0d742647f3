import { isKind, ManualClock } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { storeConformance } from './conformance.js';
import { collect, put, rejection, upTo } from './conformance-subject.js';
import { MemoryStore, storeErrors } from './index.js';

storeConformance(
  test,
  'memory',
  async () => {
    const store = new MemoryStore();
    return {
      store,
      cleanup: () => store.close(),
      connect: async () => store.connect(),
      compact: async (revision) => store.compact(revision),
      mortal: async (ttlSeconds) => {
        const client = store.connect();
        const lease = await client.lease(ttlSeconds);
        return { store: client, lease, die: async () => client.crash() };
      },
    };
  },
  ['connect', 'compact', 'mortal'],
);

test('leases of a crashed client last their time to live, to the millisecond', async () => {
  const clock = new ManualClock();
  const store = new MemoryStore({ clock });
  const client = store.connect();
  await client.txn({ ops: [put('a', '1', await client.lease(20))] });
  client.crash();
  clock.advance(19_999);
  assert.ok((await store.get('a')).entry);
  clock.advance(1);
  assert.is((await store.get('a')).entry, undefined);
  assert.ok(isKind(await rejection(client.get('a')), storeErrors.STORE_CLOSED));
});

test('leases can be lost on command', async () => {
  const store = new MemoryStore();
  const lease = await store.lease(20);
  await store.txn({ ops: [put('a', '1', lease)] });
  store.loseLeases();
  assert.ok(isKind(await lease.lost, storeErrors.LEASE_LOST));
  assert.is((await store.get('a')).entry, undefined);
});

test('only the asked for history is kept', async () => {
  const store = new MemoryStore({ keepRevisions: 5 });
  for (let i = 0; i < 30; i++) await store.txn({ ops: [put('a', `${i}`)] });
  assert.ok(isKind(await rejection(collect(store, '', 1, () => false)), storeErrors.COMPACTED));
  assert.is((await collect(store, '', 26, upTo(31))).length, 5);
});

test('unavailable on command', async () => {
  const store = new MemoryStore();
  store.setUnavailable('test');
  const error = await rejection(store.list(''));
  assert.ok(isKind(error, storeErrors.STORE_UNAVAILABLE));
  assert.is(error.message, 'store memory is unavailable: test');
  store.setUnavailable(undefined);
  await store.list('');
});

test.run();
