// test: timeout=240s
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isKind, seededRandom } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { storeConformance } from './conformance.js';
import { collect, put, rejection, upTo } from './conformance-subject.js';
import { LmdbStore, storeErrors } from './index.js';

const tempDir = () => mkdtempSync(join(tmpdir(), 'ep-lmdb-'));

async function withDir(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = tempDir();
  try {
    await body(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

storeConformance(
  test,
  'lmdb',
  async () => {
    const dir = tempDir();
    let store = await LmdbStore.open(dir);
    return {
      store,
      cleanup: async () => {
        await store.close();
        rmSync(dir, { recursive: true, force: true });
      },
      restart: async () => {
        await store.close();
        store = await LmdbStore.open(dir);
        return store;
      },
    };
  },
  ['restart'],
);

test('files are private', () =>
  withDir(async (parent) => {
    const dir = join(parent, 'a/b');
    const store = await LmdbStore.open(dir);
    assert.is(statSync(dir).mode & 0o777, 0o700);
    for (const name of readdirSync(dir)) assert.is(statSync(join(dir, name)).mode & 0o777, 0o600, name);
    await store.close();
  }));

test('history is trimmed to what is asked for', () =>
  withDir(async (dir) => {
    const store = await LmdbStore.open(dir, { keepRevisions: 5 });
    for (let i = 0; i < 20; i++) await store.txn({ ops: [put('k', `${i}`)] });
    const { revision } = await store.get('k');
    assert.is((await collect(store, '', revision - 5, upTo(revision))).length, 5);
    const error = await rejection(collect(store, '', revision - 6, () => false));
    assert.ok(isKind(error, storeErrors.COMPACTED));
    assert.is(
      error.message,
      `changes after revision ${revision - 6} are no longer kept; the oldest kept is ${revision - 4}`,
    );
    await store.close();
  }));

test('a second owner is refused with the pid of the first', () =>
  withDir(async (dir) => {
    const store = await LmdbStore.open(dir);
    const error = await rejection(LmdbStore.open(dir));
    assert.ok(isKind(error, storeErrors.STORE_IN_USE));
    assert.is(error.message, `store lmdb:${dir} is in use by process ${process.pid}`);
    await store.close();
    await (await LmdbStore.open(dir)).close();
  }));

test('of many that take over a dead owner one wins', () =>
  withDir(async (dir) => {
    const owner = { pid: process.pid, start: 'another process with our pid', bootId: 'x' };
    writeFileSync(join(dir, 'lock.7'), JSON.stringify(owner));
    const opened = await Promise.allSettled(Array.from({ length: 5 }, () => LmdbStore.open(dir)));
    const winners = opened.flatMap((o) => (o.status === 'fulfilled' ? [o.value] : []));
    assert.is(winners.length, 1);
    assert.equal(
      readdirSync(dir).filter((n) => n.startsWith('lock.')),
      ['lock.8'],
    );
    await winners[0]?.close();
  }));

/** A store with enough in it that damage in the middle is damage to something. */
async function filled(dir: string): Promise<string> {
  const store = await LmdbStore.open(dir);
  for (let i = 0; i < 10; i++) {
    await store.txn({ ops: Array.from({ length: 50 }, (_, k) => put(`k/${i}/${k}`, 'v'.repeat(400))) });
  }
  await store.close();
  return join(dir, 'store.mdb');
}

async function corrupt(dir: string, reason: RegExp): Promise<void> {
  const error = await rejection(LmdbStore.open(dir));
  assert.ok(isKind(error, storeErrors.STORE_CORRUPT), String(error));
  assert.match(error.message, reason);
  assert.match(error.message, `store lmdb:${dir} is not readable`);
}

test('a damaged data file is refused, never a crash', () =>
  withDir(async (dir) => {
    const file = await filled(dir);
    const good = join(dir, 'good');
    copyFileSync(file, good);
    const size = statSync(good).size;

    writeFileSync(file, 'this is not a database\n');
    await corrupt(dir, /it ends after 23 bytes/);
    writeFileSync(file, Buffer.alloc(size, 'x'));
    await corrupt(dir, /no lmdb head page at byte 0/);
    for (const keep of [0.9, 0.5, 0.1]) {
      copyFileSync(good, file);
      truncateSync(file, Math.floor((size * keep) / 4096) * 4096);
      await corrupt(dir, /a page is damaged or missing|Error/);
    }
    const bytes = readFileSync(good);
    const random = seededRandom(3);
    for (let at = 8192; at < bytes.length; at++) bytes[at] = Math.floor(random.next() * 256);
    writeFileSync(file, bytes);
    await corrupt(dir, /a page is damaged or missing|Error/);
    const second = readFileSync(good);
    second.fill(0, 4096, 8192);
    writeFileSync(file, second);
    await corrupt(dir, /no lmdb head page at byte 4096/);

    copyFileSync(good, file);
    const store = await LmdbStore.open(dir);
    assert.is((await store.list('k/')).entries.length, 500);
    await store.close();
  }));

/** Runs the writer until it has acknowledged `enough` transactions, then kills it; returns the last acknowledged one. */
function writeAndKill(dir: string, enough: number): Promise<number> {
  const script = fileURLToPath(new URL('lmdb-crash-writer.js', import.meta.url)).replace(
    /\.js$/,
    import.meta.url.slice(-3),
  );
  const child = spawn(process.execPath, [...process.execArgv, script, dir], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let errors = '';
  let killed = false;
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk;
  });
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk;
    if (!killed && out.split('\n').length > enough) {
      killed = true;
      child.kill('SIGKILL');
    }
  });
  return new Promise((resolve, reject) => {
    child.on('close', () => {
      if (!killed) return reject(new Error(`the writer ended by itself: ${errors}`));
      // The line that was being written when it was killed does not count.
      const whole = out.slice(0, out.lastIndexOf('\n')).split('\n').map(Number);
      resolve(Math.max(...whole));
    });
  });
}

test('killed in the middle of writes: nothing acknowledged is lost, nothing is half there', () =>
  withDir(async (dir) => {
    const random = seededRandom(11);
    for (let round = 0; round < 6; round++) {
      const acked = await writeAndKill(dir, 5 + Math.floor(random.next() * 300));
      const store = await LmdbStore.open(dir, { keepRevisions: 20 });
      const a = (await store.get('a')).entry;
      const last = Number(a?.value);
      assert.ok(last >= acked, `round ${round}: acknowledged ${acked}, found ${last}`);
      assert.equal((await store.get('b')).entry, { key: 'b', value: a?.value, revision: a?.revision });
      assert.equal(
        (await store.list('tmp/')).entries.map((e) => [e.key, e.value.length]),
        [[`tmp/${last}`, last % 9000]],
      );
      const numbers = (await store.list('seq/')).entries.map((e) => Number(e.value)).sort((x, y) => x - y);
      assert.equal(
        numbers,
        Array.from({ length: last }, (_, i) => i + 1),
      );
      assert.is((await store.get('leased')).entry, undefined, 'the lease of the dead process is gone');
      const { revision } = await store.get('a');
      const batches = await collect(store, 'seq/', revision - 10, upTo(a?.revision ?? 0));
      assert.equal(batches.at(-1)?.events, [
        { type: 'put', entry: { key: `seq/${last}`, value: `${last}`, revision: a?.revision } },
      ]);
      await store.close();
    }
  }));

test.run();
