import { isKind, ManualClock } from '@edgeplane/base';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { del, put, rejection } from './conformance-subject.js';
import { MemoryStore, stm, storeErrors } from './index.js';

test('own writes are seen first', async () => {
  const store = new MemoryStore();
  const { revision } = await store.txn({ ops: [put('a', '1')] });
  const result = await stm(store, async (tx) => {
    assert.equal(await tx.get('a'), { key: 'a', value: '1', revision });
    tx.put('a', '2');
    assert.equal(await tx.get('a'), { key: 'a', value: '2', revision: 0 });
    tx.delete('a');
    assert.is(await tx.get('a'), undefined);
    tx.put('b', '');
    assert.is((await tx.get('b'))?.value, '');
    return 'done';
  });
  assert.equal(result, { value: 'done', revision: revision + 1 });
  assert.equal(
    (await store.list('')).entries.map((e) => e.key),
    ['b'],
  );
});

test('runs again when something read has changed, reads each key once per run', async () => {
  const store = new MemoryStore();
  let runs = 0;
  const { value } = await stm(store, async (tx) => {
    runs += 1;
    const before = (await tx.get('a'))?.value;
    if (runs < 3) await store.txn({ ops: [put('a', `other ${runs}`)] });
    assert.is((await tx.get('a'))?.value, before);
    tx.put('a', 'mine');
    return before;
  });
  assert.is(runs, 3);
  assert.is(value, 'other 2');
});

test('a key that was read as absent must still be absent', async () => {
  const store = new MemoryStore();
  let runs = 0;
  await stm(store, async (tx) => {
    runs += 1;
    if ((await tx.get('a')) === undefined) await store.txn({ ops: [put('a', 'x')] });
    tx.put('b', '1');
  });
  assert.is(runs, 2);
});

test('blind writes do not conflict', async () => {
  const store = new MemoryStore();
  let runs = 0;
  await stm(store, async (tx) => {
    runs += 1;
    await store.txn({ ops: [put('a', 'theirs')] });
    tx.put('a', 'mine');
  });
  assert.is(runs, 1);
  assert.is((await store.get('a')).entry?.value, 'mine');
});

test('an error is passed on when what was read is current, and nothing is written', async () => {
  const store = new MemoryStore();
  const error = await rejection(
    stm(store, async (tx) => {
      await tx.get('a');
      tx.put('b', '1');
      throw new Error('no');
    }),
  );
  assert.is((error as Error).message, 'no');
  assert.is((await store.get('b')).entry, undefined);
});

test('an error from reads of different moments is not believed', async () => {
  const store = new MemoryStore();
  await store.txn({ ops: [put('a', '1'), put('b', '1')] });
  let runs = 0;
  const { value } = await stm(store, async (tx) => {
    runs += 1;
    const a = (await tx.get('a'))?.value;
    if (runs === 1) await store.txn({ ops: [put('a', '2'), put('b', '2')] });
    const b = (await tx.get('b'))?.value;
    if (a !== b) throw new Error('a and b are always equal');
    return b;
  });
  assert.is(value, '2');
});

test('the store failing is no conflict, even if the function swallows it', async () => {
  const store = new MemoryStore();
  let runs = 0;
  const error = await rejection(
    stm(store, async (tx) => {
      runs += 1;
      store.setUnavailable('gone');
      await tx.get('a').catch(() => undefined);
      store.setUnavailable(undefined);
      tx.put('b', 'as if a were absent');
    }),
  );
  assert.ok(isKind(error, storeErrors.STORE_UNAVAILABLE));
  assert.is(runs, 1);
  assert.is((await store.get('b')).entry, undefined);
});

test('gives up after its attempts; ends with its signal', async () => {
  const store = new MemoryStore();
  const contested = async (tx: { get(key: string): Promise<unknown> }) => {
    await tx.get('a');
    await store.txn({ ops: [put('a', 'x')] });
  };
  const error = await rejection(stm(store, contested, { attempts: 3 }));
  assert.ok(isKind(error, storeErrors.TXN_CONFLICT));
  assert.is(error.message, 'gave up after 3 attempts: the keys kept changing');
  const clock = new ManualClock();
  const stop = new AbortController();
  const waiting = rejection(stm(store, contested, { clock, signal: stop.signal }));
  while (clock.pending === 0) await Promise.resolve();
  stop.abort(new Error('enough'));
  assert.is(((await waiting) as Error).message, 'enough');
});

test('transfers keep the sum', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(3), fc.nat(3), fc.integer({ min: 1, max: 50 })), { maxLength: 30 }),
      async (transfers) => {
        const store = new MemoryStore();
        await store.txn({ ops: [0, 1, 2, 3].map((n) => put(`acc/${n}`, '100')) });
        await Promise.allSettled(
          transfers.map(([from, to, amount]) =>
            stm(
              store,
              async (tx) => {
                const have = Number((await tx.get(`acc/${from}`))?.value);
                if (have < amount) throw new Error('not enough');
                tx.put(`acc/${from}`, String(have - amount));
                tx.put(`acc/${to}`, String(Number((await tx.get(`acc/${to}`))?.value) + amount));
              },
              { attempts: 1000 },
            ),
          ),
        );
        const balances = (await store.list('acc/')).entries.map((e) => Number(e.value));
        assert.is(
          balances.reduce((a, b) => a + b),
          400,
        );
        assert.ok(balances.every((b) => b >= 0));
      },
    ),
    { numRuns: 30 },
  );
});

test('an own delete of an absent key writes nothing', async () => {
  const store = new MemoryStore();
  const { revision } = await store.txn({ ops: [del('x')] });
  assert.is((await stm(store, async (tx) => tx.delete('x'))).revision, revision);
});

test.run();
