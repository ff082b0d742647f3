import { type AnyMessage, OBJECTS } from '@edgeplane/objects';
import { CacheSync, MemoryStore } from '@edgeplane/store';
import { Metadata } from '@grpc/grpc-js';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { registerCaches } from '../caches.js';
import { objectKey } from '../db/store-keys.js';
import { candidates, matching } from './show.js';
import { showQuery } from './show-query.js';

const TYPE = OBJECTS.AppInst;
const name = fc.constantFrom('', 'a', 'b');
const key = fc.record({
  appKey: fc.record({ developerKey: fc.record({ name }), name, version: name }),
  clusterInstKey: fc.record({
    clusterKey: fc.record({ name }),
    cloudletKey: fc.record({ operatorKey: fc.record({ name }), name }),
    developer: name,
  }),
});
const inst = fc.record({
  key,
  uri: name,
  flavor: fc.record({ name }),
  errors: fc.array(name, { maxLength: 1 }),
});

const appInst = (members: AnyMessage) => TYPE.normalize({ ...TYPE.empty(), ...members });

test('looking up shows what looking at everything does', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(inst, { maxLength: 60 }),
      fc.array(inst, { minLength: 1, maxLength: 10 }),
      async (stored, filters) => {
        const store = new MemoryStore();
        for (const object of stored.map(appInst)) {
          const storeKey = objectKey(1, 'AppInst', TYPE.keyJsonOf(object));
          await store.txn({ ops: [{ type: 'put', key: storeKey, value: TYPE.toStored(object) }] });
        }
        const sync = new CacheSync(store, '1');
        const { appInsts } = registerCaches(sync);
        await sync.start();
        // The keys of what is stored make filters that find something.
        const used = [...filters, ...stored.slice(0, 5).map(({ key: k }) => ({ key: k }))];
        for (const filter of used.map(appInst)) {
          const matches = TYPE.filterTest(filter) ?? (() => true);
          const found = candidates(TYPE, appInsts, filter).filter(({ value }) => matches(value));
          assert.equal(
            found.map(({ value }) => value),
            matching(TYPE, appInsts.values(), showQuery(TYPE, filter, new Metadata())),
          );
        }
        await sync.stop();
        await store.close();
      },
    ),
    { numRuns: 60 },
  );
});

test('a whole key and a whole reference are looked up', async () => {
  const store = new MemoryStore();
  const sync = new CacheSync(store, '1');
  const { appInsts } = registerCaches(sync);
  const make = (app: string, cluster: string) =>
    appInst({
      key: {
        appKey: { developerKey: { name: 'dev' }, name: app, version: '1' },
        clusterInstKey: {
          clusterKey: { name: cluster },
          cloudletKey: { operatorKey: { name: 'op' }, name: 'site' },
          developer: 'dev',
        },
      },
    });
  for (const [app, cluster] of [
    ['x', 'c1'],
    ['x', 'c2'],
    ['y', 'c1'],
  ] as const) {
    const object = make(app, cluster);
    const storeKey = objectKey(1, 'AppInst', TYPE.keyJsonOf(object));
    await store.txn({ ops: [{ type: 'put', key: storeKey, value: TYPE.toStored(object) }] });
  }
  await sync.start();
  const count = (filter: AnyMessage) => candidates(TYPE, appInsts, appInst(filter)).length;
  assert.is(count({ key: make('x', 'c1').key }), 1);
  assert.is(count({ key: make('z', 'c1').key }), 0);
  assert.is(count({ key: { appKey: make('x', 'c1').key?.appKey } }), 2);
  assert.is(count({ key: { appKey: { developerKey: { name: 'dev' }, name: 'x', version: '' } } }), 3);
  assert.is(count({}), 3);
  await sync.stop();
});

test.run();
