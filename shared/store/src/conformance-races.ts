import * as assert from 'uvu/assert';
import { type DefineSubjectTest, put } from './conformance-subject.js';
import { stm } from './stm.js';

export function raceTests(define: DefineSubjectTest): void {
  define('no increment is lost', async ({ store }) => {
    const results = await Promise.all(
      Array.from({ length: 24 }, () =>
        stm(
          store,
          async (tx) => {
            const next = Number((await tx.get('counter'))?.value ?? 0) + 1;
            tx.put('counter', String(next));
            return next;
          },
          { attempts: 1000 },
        ),
      ),
    );
    assert.is((await store.get('counter')).entry?.value, '24');
    assert.is(new Set(results.map((r) => r.value)).size, 24);
    assert.is(new Set(results.map((r) => r.revision)).size, 24);
  });

  define('of many creations of one key exactly one succeeds', async ({ store }) => {
    const results = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        store.txn({ compare: [{ key: 'k', revision: 0 }], ops: [put('k', String(i))] }),
      ),
    );
    const winner = results.findIndex((r) => r.succeeded);
    assert.is(results.filter((r) => r.succeeded).length, 1);
    assert.is((await store.get('k')).entry?.value, String(winner));
  });

  define('readers never see half a transaction', async ({ store }) => {
    let writing = true;
    const writer = (async () => {
      for (let i = 0; i < 60; i++) {
        await store.txn({ ops: ['a', 'b', 'c'].map((k) => put(`t/${k}`, String(i))) });
      }
      writing = false;
    })();
    while (writing) {
      const { entries } = await store.list('t/');
      assert.is(new Set(entries.map((e) => e.value)).size <= 1, true);
      assert.ok(entries.length === 0 || entries.length === 3);
      // An embedded store answers in the same turn of the event loop; the writer needs turns too.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await writer;
  });

  define('a read sees every acknowledged write', async ({ store }) => {
    for (let i = 0; i < 40; i++) {
      const { revision } = await store.txn({ ops: [put('k', String(i))] });
      const read = await store.get('k');
      assert.equal(read.entry, { key: 'k', value: String(i), revision });
      assert.ok(read.revision >= revision);
    }
  });
}
