import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readJsonFile } from './json-file.js';
import { RecordStore } from './records.js';
import { lockStateDir } from './state-lock.js';

const dir = mkdtempSync(join(tmpdir(), 'state-'));
test.after(() => rmSync(dir, { recursive: true, force: true }));

async function failure(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no failure',
    (error: unknown) => (error as Error).message,
  );
}

test('one holder at a time', async () => {
  const lock = await lockStateDir(dir);
  const text = `state directory ${dir} is in use by agent process ${process.pid}`;
  assert.is(await failure(lockStateDir(dir)), text);
  await lock.release();
  await (await lockStateDir(dir)).release();
});

test('the lock of a process that is gone, or of a reused pid, does not hold', async () => {
  const holders = [
    { pid: 4_000_000, start: '1', bootId: 'x' },
    { pid: process.pid, start: '1', bootId: 'x' },
  ];
  for (const holder of [...holders.map((h) => JSON.stringify(h)), 'garbage']) {
    writeFileSync(join(dir, 'lock.9'), holder);
    await (await lockStateDir(dir)).release();
  }
});

test('of many at once, one gets a stale lock', async () => {
  writeFileSync(join(dir, 'lock.9'), 'garbage');
  const tries = await Promise.allSettled([lockStateDir(dir), lockStateDir(dir), lockStateDir(dir)]);
  const locks = tries.filter((t) => t.status === 'fulfilled');
  assert.is(locks.length, 1);
  await locks[0]?.value.release();
});

interface Item {
  readonly keyJson: string;
  readonly value: number;
}

test('records survive the store, and a half-written one does not count', async () => {
  const folder = join(dir, 'records');
  const store = new RecordStore<Item>(folder);
  await store.load((json) => json as Item);
  await store.put({ keyJson: 'a', value: 1 });
  await store.put({ keyJson: 'a', value: 2 });
  await store.put({ keyJson: 'b', value: 3 });
  await store.delete('b');
  writeFileSync(join(folder, 'x.json.new'), '{"keyJson":"c"');
  const next = new RecordStore<Item>(folder);
  await next.load((json) => json as Item);
  assert.equal(next.values(), [{ keyJson: 'a', value: 2 }]);
});

test('a broken record is named', async () => {
  const path = join(dir, 'broken.json');
  writeFileSync(path, '{');
  assert.match(await failure(readJsonFile(path)), path);
});

test.run();
