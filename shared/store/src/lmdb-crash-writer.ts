/**
 * Writes to an lmdb store until it is killed; prints the number of each acknowledged transaction. For lmdb.test.ts.
 * Transaction n puts n to `a`, `b` and `seq/n`, and deletes `tmp/n-1` while putting `tmp/n`.
 */
import { writeSync } from 'node:fs';
import { LmdbStore } from './lmdb.js';

const store = await LmdbStore.open(process.argv[2] ?? '', { keepRevisions: 20 });
const lease = await store.lease(60);
await store.txn({ ops: [{ type: 'put', key: 'leased', value: 'x', lease }] });
let next = Number((await store.get('a')).entry?.value ?? 0) + 1;

async function writeOne(n: number): Promise<void> {
  const ops = ['a', 'b', `seq/${n}`].map((key) => ({ type: 'put' as const, key, value: String(n) }));
  const tmp = [
    { type: 'put' as const, key: `tmp/${n}`, value: 'x'.repeat(n % 9000) },
    { type: 'delete' as const, key: `tmp/${n - 1}` },
  ];
  await store.txn({ ops: [...ops, ...tmp] });
  writeSync(1, `${n}\n`);
}

for (;;) {
  // Several at once, so that commits are shared.
  await Promise.all([writeOne(next), writeOne(next + 1), writeOne(next + 2)]);
  next += 3;
}
