import { isKind } from '@edgeplane/base';
import * as assert from 'uvu/assert';
import {
  type ConformanceSubject,
  collect,
  type DefineSubjectTest,
  put,
  rejection,
  upTo,
} from './conformance-subject.js';
import { storeErrors } from './errors.js';

export function compactionTests(
  define: DefineSubjectTest,
  abilities: readonly (keyof ConformanceSubject)[],
): void {
  if (abilities.includes('compact')) {
    define('a watch from before the kept history says COMPACTED', async ({ store, compact }) => {
      const start = (await store.get('k')).revision;
      for (let i = 0; i < 10; i++) await store.txn({ ops: [put('k', `${i}`)] });
      await compact?.(start + 5);
      const error = await rejection(collect(store, 'k', start + 1, upTo(start + 10)));
      assert.ok(isKind(error, storeErrors.COMPACTED), String(error));
      assert.match(error.message, new RegExp(`after revision ${start + 1} `));
      const rest = await collect(store, 'k', start + 6, upTo(start + 10));
      assert.is(rest.length, 4);
    });

    define('compaction does not hurt a watch that has kept up', async ({ store, compact }) => {
      const start = (await store.get('k')).revision;
      const reading = collect(store, 'k', start, upTo(start + 10));
      for (let i = 0; i < 5; i++) await store.txn({ ops: [put('k', `${i}`)] });
      await collect(store, 'k', start, upTo(start + 5));
      await new Promise((resolve) => setImmediate(resolve));
      await compact?.(start + 4);
      for (let i = 5; i < 10; i++) await store.txn({ ops: [put('k', `${i}`)] });
      const seen = await reading.then(
        (batches) => batches.length,
        (error) => (isKind(error, storeErrors.COMPACTED) ? 'compacted' : String(error)),
      );
      assert.ok(seen === 10 || seen === 'compacted', String(seen));
    });
  }

  if (abilities.includes('restart')) {
    define('state, revisions and history survive a restart', async (subject) => {
      const start = (await subject.store.get('k')).revision;
      for (let i = 0; i < 5; i++) await subject.store.txn({ ops: [put(`k${i}`, `${i}`)] });
      const before = await subject.store.list('');
      const store = await subject.restart?.();
      if (!store) throw new Error('the subject said it can');
      assert.equal(await store.list(''), before);
      assert.is((await collect(store, 'k', start, upTo(start + 5))).length, 5);
      assert.is((await store.txn({ ops: [put('k', 'x')] })).revision, start + 6);
    });
  }

  if (abilities.includes('connect')) {
    define('clients see each other', async (subject) => {
      const other = await subject.connect?.();
      if (!other) throw new Error('the subject said it can');
      const { revision } = await subject.store.txn({ ops: [put('k', '1')] });
      assert.equal((await other.get('k')).entry, { key: 'k', value: '1', revision });
      const reading = collect(subject.store, 'k', revision, upTo(revision + 1));
      await other.txn({ ops: [put('k', '2')] });
      assert.is((await reading).length, 1);
      await other.close();
      assert.is((await subject.store.get('k')).entry?.value, '2');
    });
  }
}
