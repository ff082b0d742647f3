import { isKind } from '@edgeplane/base';
import * as assert from 'uvu/assert';
import { collect, type DefineSubjectTest, del, put, rejection, upTo } from './conformance-subject.js';
import { storeErrors } from './errors.js';

export function watchTests(define: DefineSubjectTest): void {
  define(
    'a watch delivers each revision once, whole, in order, and only of its prefix',
    async ({ store }) => {
      const start = (await store.get('w/')).revision;
      const reading = collect(store, 'w/', start, upTo(start + 60));
      for (let i = 0; i < 20; i++) {
        await store.txn({ ops: [put('w/a', `${i}`), put('w/b', `${i}`), put('other', `${i}`)] });
        await store.txn({ ops: [put('other', 'x')] });
        await store.txn({ ops: [del('w/b')] });
      }
      const batches = await reading;
      assert.equal(
        batches.map((b) => b.revision),
        Array.from({ length: 60 }, (_, i) => start + 1 + i).filter((r) => (r - start) % 3 !== 2),
      );
      const [first, second] = batches;
      assert.equal(
        first?.events
          .map((e) => e.type === 'put' && e.entry)
          .sort((a, b) => (a && b && a.key < b.key ? -1 : 1)),
        ['w/a', 'w/b'].map((key) => ({ key, value: '0', revision: start + 1 })),
      );
      assert.equal(second?.events, [{ type: 'delete', key: 'w/b' }]);
    },
  );

  define('a watch replays from any revision, also after a cut', async ({ store }) => {
    const start = (await store.get('k')).revision;
    for (let i = 0; i < 30; i++) await store.txn({ ops: [put('k', `${i}`)] });
    const end = start + 30;
    const values = async (after: number) => {
      const batches = await collect(store, 'k', after, upTo(end));
      return batches.flatMap((b) => b.events.map((e) => (e.type === 'put' ? e.entry.value : 'gone')));
    };
    const all = Array.from({ length: 30 }, (_, i) => `${i}`);
    assert.equal(await values(start), all);
    assert.equal(await values(start + 17), all.slice(17));
    const part = await collect(store, 'k', start, (batches) => batches.length === 11);
    assert.equal(part.length + (await values(part.at(-1)?.revision ?? 0)).length, 30);
  });

  define('a watch that has nothing to catch up with says so at once', async ({ store }) => {
    const { revision } = await store.txn({ ops: [put('k', '1')] });
    for await (const batch of store.watch('k', revision, new AbortController().signal)) {
      assert.equal(batch, { revision, events: [] });
      break;
    }
  });

  define('a watch ends with its signal, before and while it waits', async ({ store }) => {
    const { revision } = await store.txn({ ops: [put('k', '1')] });
    const stop = new AbortController();
    const reading = (async () => {
      for await (const _ of store.watch('k', revision, stop.signal)) stop.abort();
    })();
    await reading;
    for await (const _ of store.watch('k', revision, stop.signal)) assert.unreachable();
    const later = new AbortController();
    const idle = (async () => {
      for await (const _ of store.watch('k', revision, later.signal)) setImmediate(() => later.abort());
    })();
    await idle;
  });

  define('a store older than the watch says COMPACTED', async ({ store }) => {
    const { revision } = await store.get('k');
    const error = await rejection(collect(store, 'k', revision + 1000, () => false));
    assert.ok(isKind(error, storeErrors.COMPACTED), String(error));
  });

  define('a revision of many large values arrives whole', async ({ store }) => {
    const start = (await store.get('k')).revision;
    const value = 'x'.repeat(11_000);
    for (let i = 0; i < 4; i++) {
      await store.txn({ ops: Array.from({ length: 128 }, (_, k) => put(`big/${k}`, `${i}${value}`)) });
    }
    const batches = await collect(store, 'big/', start, upTo(start + 4));
    assert.equal(
      batches.map((b) => b.events.length),
      [128, 128, 128, 128],
    );
  });

  define('many watches of one store', async ({ store }) => {
    const start = (await store.get('k')).revision;
    const readers = Array.from({ length: 20 }, (_, i) => collect(store, `m/${i}/`, start, upTo(start + 20)));
    for (let r = 0; r < 20; r++) {
      await store.txn({ ops: Array.from({ length: 20 }, (_, i) => put(`m/${i}/k`, `${r}`)) });
    }
    for (const batches of await Promise.all(readers)) assert.is(batches.length, 20);
  });
}
