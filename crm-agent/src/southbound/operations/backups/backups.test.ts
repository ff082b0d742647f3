// test: timeout=120s
/** Backups that cannot be made, are not what they were, or are to be written where they must not. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { silentLogger } from '@edgeplane/base';
import type {
  ListBackupsResponse,
  Operation,
} from '@edgeplane/proto/southbound/isard/edgeplane/operations/v1/operations-extension.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LoopPool } from '../pools/loop-pool.js';
import { CAN_MOUNT, type Life, TestSite } from '../testing.js';
import { copyFile } from './copy-file.js';
import { isInside } from './manifest.js';

const { signal } = new AbortController();
const site = new TestSite({});
const pool = site.path('shared');
const targets = [
  { id: 'disk', path: site.path('backups'), floor_percent: 0 },
  { id: 'none', path: site.path('nowhere') },
  { id: 'inside', path: join(pool, 'within'), floor_percent: 0 },
  { id: 'tight', path: site.path('backups'), floor_percent: 90 },
  { id: 'small', path: site.path('small/mount'), floor_percent: 0 },
];
let life: Life;

test.before(async () => {
  mkdirSync(join(pool, 'within'), { recursive: true });
  writeFileSync(join(pool, 'file'), 'content');
  const pools = [{ id: 'shared', driver: 'dir', headroom: 0, settings: { path: pool } }];
  writeFileSync(site.inventory, JSON.stringify({ pools, backup_targets: targets }));
  life = await site.live();
});

test.after(async () => {
  await life.stop();
  site.remove();
});

async function last(
  method: string,
  request: object,
): Promise<{ errorCode: string; msg: string; result: Record<string, string> }> {
  const messages = await life
    .call(method, request)
    .catch((error: { code: string; message: string }) => [
      { errorCode: error.code, msg: error.message, result: {} },
    ]);
  const end = messages.at(-1);
  assert.ok(end);
  return end;
}

async function save(target = ''): Promise<string> {
  const { errorCode, msg, result } = await last('CreateBackup', { target });
  assert.is(errorCode, '', msg);
  return result['backup_id'] ?? '';
}

test('a target that is not there, is inside of the pool, or has no room is refused, and nothing is left', async () => {
  const refused = async (target: string) => {
    const { errorCode, msg } = await last('CreateBackup', { target });
    return `${errorCode}: ${msg}`;
  };
  assert.match(await refused('none'), /^TARGET_UNAVAILABLE: backup target none: ENOENT/);
  assert.match(await refused('inside'), /^TARGET_UNAVAILABLE: .* is inside of pool shared/);
  assert.match(
    await refused('tight'),
    /^TARGET_FULL: backup target tight: 7 bytes are wanted above a floor of/,
  );
  assert.equal(readdirSync(site.path('backups')), []);
  assert.equal(readdirSync(join(pool, 'within')), []);
});

test('a disk that fills up in the middle leaves nothing half-written', async () => {
  if (!CAN_MOUNT) return;
  const settings = {
    driver: 'loop',
    path: '',
    image: '',
    size: 320n * 1024n ** 2n,
    filesystem: 'xfs',
  } as const;
  const small = new LoopPool({
    id: 'small',
    settings,
    headroom: 0n,
    dir: site.path('small'),
    logger: silentLogger,
  });
  await small.start(signal);
  // More than is told before: what the pool holds grows while it is copied.
  const source = site.path('endless');
  writeFileSync(source, '');
  writeFileSync(join(small.path, 'filler'), Buffer.alloc(150 * 1024 * 1024, 1));
  writeFileSync(join(pool, 'large'), Buffer.alloc(200 * 1024 * 1024, 2));
  const { errorCode, msg } = await last('CreateBackup', { target: 'small' });
  assert.is(errorCode, 'TARGET_FULL', msg);
  assert.equal(readdirSync(small.path), ['filler']);
  const copied = await copyFile(join(pool, 'large'), join(small.path, 'copy'), {
    signal,
    onBytes: () => undefined,
  }).catch((error: NodeJS.ErrnoException) => error.code);
  assert.is(copied, 'ENOSPC');
  await small.stop('stop');
  writeFileSync(join(pool, 'large'), '');
});

test('holes stay holes, links are links, sockets are named', async () => {
  writeFileSync(join(pool, 'sparse'), 'x');
  appendFileSync(join(pool, 'sparse'), Buffer.alloc(5 * 1024 * 1024));
  symlinkSync('/etc/passwd', join(pool, 'link'));
  const socket = createServer().listen(join(pool, 'socket'));
  await new Promise((resolve) => socket.once('listening', resolve));
  const id = await save();
  await new Promise((resolve) => socket.close(resolve));
  const folder = join(site.path('backups'), id);
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as {
    consistency: string;
    skipped: string[];
    entries: { path: string; type: string }[];
  };
  assert.is(manifest.consistency, 'per-file');
  assert.equal(manifest.skipped, ['socket']);
  assert.is(manifest.entries.find(({ path }) => path === 'link')?.type, 'link');
  assert.not(existsSync(join(folder, 'files/link')));
  assert.is(readFileSync(join(folder, 'files/sparse')).length, 5 * 1024 * 1024 + 1);
});

test('a copy of a file that changes meanwhile is told from one that did not', async () => {
  const from = join(pool, 'changing');
  writeFileSync(from, Buffer.alloc(3 * 1024 * 1024, 1));
  const onBytes = () => appendFileSync(from, 'more');
  const copied = await copyFile(from, site.path('copy-1'), { signal, onBytes });
  assert.is(copied?.changed, true);
  assert.is(
    (await copyFile(from, site.path('copy-2'), { signal, onBytes: () => undefined }))?.changed,
    false,
  );
  assert.is(await copyFile(join(pool, 'gone'), site.path('copy-3'), { signal, onBytes }), undefined);
  const link = await copyFile(join(pool, 'link'), site.path('copy-4'), { signal, onBytes }).catch(
    (error: NodeJS.ErrnoException) => error.code,
  );
  assert.is(link, 'ELOOP');
});

test('a backup that is not what it was is found out, by verify and by restore, and restores to nothing', async () => {
  const id = await save();
  const files = join(site.path('backups'), id, 'files');
  writeFileSync(join(files, 'file'), 'CONTENT');
  const damaged = await last('VerifyBackup', { backupId: id });
  assert.is(damaged.errorCode, 'BACKUP_DAMAGED');
  assert.match(damaged.msg, /file has checksum [0-9a-f]{64}, and not /);
  const restored = await last('RestoreBackup', { backupId: id, path: 'new' });
  assert.is(restored.errorCode, 'BACKUP_DAMAGED');
  assert.not(existsSync(join(pool, 'new')));
  assert.not(readdirSync(pool).some((name) => name.startsWith('.restoring')));
  writeFileSync(join(files, 'file'), 'content');
  assert.is((await last('VerifyBackup', { backupId: id })).errorCode, '');
  appendFileSync(join(site.path('backups'), id, 'manifest.json'), ' ');
  const forged = await last('VerifyBackup', { backupId: id });
  assert.match(forged.msg, 'its manifest has checksum');
  // A list is complete or an error.
  const listed = await life.call<ListBackupsResponse>('ListBackups').catch(String);
  assert.match(String(listed), 'its manifest has checksum');
  await life.call<Operation>('DeleteBackup', { backupId: id, force: true }).catch(() => undefined);
});

test('a restore does not leave the pool, whatever its path says', async () => {
  const before = site.path('backups');
  for (const name of readdirSync(before)) {
    const listed = await last('VerifyBackup', { backupId: name });
    if (listed.errorCode !== '') continue;
    symlinkSync('/tmp', join(pool, 'out'));
    const through = await last('RestoreBackup', { backupId: name, path: 'out/restored' });
    assert.is(through.errorCode, 'INVALID_FIELD', through.msg);
    for (const path of ['', '/etc', '..', 'a/../..', 'a//b', '.', '.edgeplane/x', 'a\0b', 'x'.repeat(256)])
      assert.match(
        (await last('RestoreBackup', { backupId: name, path })).msg,
        'path has to be a path inside of the pool',
      );
    return;
  }
  assert.unreachable('there is no backup to restore');
});

test('paths of manifests stay below where they begin', () => {
  for (const path of ['a', 'a/b', '..a', 'a..', '\u00fc/x']) assert.ok(isInside(path), path);
  for (const path of ['', '/', '/a', 'a/', 'a//b', '.', '..', 'a/..', '../a', 'a/./b', 'a\0'])
    assert.not(isInside(path), path);
});

test.run();
