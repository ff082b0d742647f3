import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isKind } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { put, rejection } from './conformance-subject.js';
import { openStore, storeErrors } from './index.js';

test('memory and lmdb open by name', async () => {
  const memory = await openStore('memory');
  assert.is(memory.kind, 'memory');
  await memory.close();
  const dir = mkdtempSync(join(tmpdir(), 'ep-open-'));
  const lmdb = await openStore(`lmdb:${dir}`);
  assert.is(lmdb.kind, 'lmdb');
  assert.ok((await lmdb.txn({ ops: [put('a', '1')] })).succeeded);
  await lmdb.close();
  rmSync(dir, { recursive: true });
});

for (const [spec, rule] of [
  ['', /it must be memory, lmdb:<dir> or etcd/],
  ['redis:x', /store "redis:x" is not valid: it must be/],
  ['memory:x', /memory takes nothing/],
  ['lmdb', /lmdb needs a folder/],
  ['lmdb:', /lmdb needs a folder/],
  ['etcd', /etcd needs urls/],
  ['etcd:http://a:1,,http://b:2', /etcd needs urls/],
  ['etcd:ftp://a:1', /"etcd:ftp:\/\/a:1" is not valid: a url is http:\/\/host:port/],
  ['etcd:http://a:99999', /a url is/],
] as const) {
  test(`refuses "${spec}"`, async () => {
    const error = await rejection(openStore(spec));
    assert.ok(isKind(error, storeErrors.STORE_SPEC_INVALID), String(error));
    assert.match(error.message, rule);
  });
}

test('a folder that cannot be made', async () => {
  const error = await rejection(openStore('lmdb:/etc/hostname/store'));
  assert.ok(isKind(error, storeErrors.STORE_UNAVAILABLE), String(error));
  assert.match(error.message, /store lmdb:\/etc\/hostname\/store is unavailable: ENOTDIR/);
});

test.run();
