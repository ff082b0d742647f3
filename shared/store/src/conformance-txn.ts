import { isKind } from '@edgeplane/base';
import * as assert from 'uvu/assert';
import { type DefineSubjectTest, del, put, rejection } from './conformance-subject.js';
import { storeErrors } from './errors.js';

export function txnTests(define: DefineSubjectTest): void {
  define('an absent key', async ({ store }) => {
    const { entry, revision } = await store.get('r/1/App/x');
    assert.is(entry, undefined);
    assert.ok(revision >= 1);
    assert.equal(await store.list('r/'), { entries: [], revision });
  });

  define('every writing transaction advances the revision by one and shares it', async ({ store }) => {
    const start = (await store.get('a')).revision;
    const first = await store.txn({ ops: [put('a', '1'), put('b', '2')] });
    assert.equal(first, { succeeded: true, revision: start + 1 });
    const second = await store.txn({ ops: [put('a', '3'), del('b')] });
    assert.is(second.revision, start + 2);
    assert.equal((await store.get('a')).entry, { key: 'a', value: '3', revision: start + 2 });
    assert.is((await store.get('b')).entry, undefined);
    assert.is((await store.txn({ ops: [del('b'), del('never')] })).revision, start + 2);
  });

  define('compares hold or nothing is written', async ({ store }) => {
    const { revision } = await store.txn({ compare: [{ key: 'a', revision: 0 }], ops: [put('a', '1')] });
    const refused = await store.txn({
      compare: [{ key: 'a', revision: 0 }],
      ops: [put('a', '2'), put('b', '2')],
    });
    assert.equal(refused, { succeeded: false, revision });
    assert.is((await store.get('b')).entry, undefined);
    assert.is(
      (await store.txn({ compare: [{ key: 'a', revision: revision - 1 }], ops: [] })).succeeded,
      false,
    );
    assert.equal(await store.txn({ compare: [{ key: 'a', revision }], ops: [] }), {
      succeeded: true,
      revision,
    });
    assert.ok((await store.txn({ compare: [{ key: 'a', revision }], ops: [del('a')] })).succeeded);
    assert.ok((await store.txn({ compare: [{ key: 'a', revision: 0 }], ops: [put('a', '3')] })).succeeded);
  });

  define(
    'a listing is in order of key bytes, as of one revision, and only of its prefix',
    async ({ store }) => {
      const keys = [
        'r/1/App/{"name":"a\\"b"}',
        'r/1/App/é',
        'r/1/App/zürich/1',
        'r/1/App/\u{1F600}',
        'r/1/App/\uFFFD',
        'r/1/App/ ~',
        'r/1/App/\u0001',
        'r/1/App/\\u0041',
        'r/1/Apps',
        'r/1/App',
        'r/10/App/x',
        'r0',
        'q/1/App/x',
      ];
      const { revision } = await store.txn({ ops: keys.map((key) => put(key, `v ${key}`)) });
      const sorted = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      const listed = await store.list('r/1/App/');
      assert.is(listed.revision, revision);
      assert.equal(
        listed.entries,
        sorted.filter((k) => k.startsWith('r/1/App/')).map((key) => ({ key, value: `v ${key}`, revision })),
      );
      assert.equal(
        (await store.list('')).entries.map((e) => e.key),
        sorted,
      );
      assert.equal((await store.list('r/1/App/\u{1F600}')).entries.length, 1);
      assert.equal((await store.list('nothing')).entries, []);
    },
  );

  define('empty and large values', async ({ store }) => {
    const large = 'päylöad '.repeat(120_000);
    await store.txn({ ops: [put('empty', ''), put('large', large)] });
    assert.is((await store.get('empty')).entry?.value, '');
    assert.is((await store.get('large')).entry?.value === large, true);
    for (let i = 0; i < 6; i++) await store.txn({ ops: [put(`many/${i}`, large)] });
    assert.is((await store.list('many/')).entries.length, 6);
  });

  define('a listing longer than one page', async ({ store }) => {
    for (let batch = 0; batch < 40; batch++) {
      await store.txn({ ops: Array.from({ length: 100 }, (_, i) => put(`p/${batch * 100 + i}`, 'x')) });
    }
    const { entries } = await store.list('p/');
    assert.is(entries.length, 4000);
    assert.is(new Set(entries.map((e) => e.key)).size, 4000);
  });

  define('refusals name the rule and write nothing', async ({ store }) => {
    const invalid = async (ops: Parameters<typeof put>[], text: RegExp) => {
      const error = await rejection(store.txn({ ops: ops.map((args) => put(...args)) }));
      assert.ok(isKind(error, storeErrors.TXN_INVALID), String(error));
      assert.match(error.message, text);
    };
    await invalid(
      [
        ['a', '1'],
        ['a', '2'],
      ],
      /"a" is written twice/,
    );
    await invalid([['', '1']], /a key is empty/);
    await invalid([['\ud800', '1']], /not valid Unicode/);
    await invalid([['a', '\udc00']], /not valid Unicode/);
    await invalid([['k'.repeat(2000), '']], /2000 bytes, more than 1900/);
    const many = await rejection(store.txn({ ops: Array.from({ length: 129 }, (_, i) => put(`${i}`, '')) }));
    assert.ok(isKind(many, storeErrors.TXN_TOO_LARGE));
    assert.match(many.message, /129 operations; at most 128/);
    const large = await rejection(store.txn({ ops: [put('a', 'x'.repeat(1_600_000))] }));
    assert.ok(isKind(large, storeErrors.TXN_TOO_LARGE));
    assert.equal((await store.list('')).entries, []);
    assert.ok((await store.txn({ ops: Array.from({ length: 128 }, (_, i) => put(`${i}`, '')) })).succeeded);
  });

  define('a closed store refuses, and ends its watches', async ({ store }) => {
    const { revision } = await store.txn({ ops: [put('a', '1')] });
    const watching = (async () => {
      for await (const _ of store.watch('', revision, new AbortController().signal)) await store.close();
    })();
    await watching;
    await store.close();
    for (const call of [
      store.get('a'),
      store.list(''),
      store.txn({ ops: [put('a', '2')] }),
      store.lease(5),
    ]) {
      assert.ok(isKind(await rejection(call), storeErrors.STORE_CLOSED));
    }
  });
}
