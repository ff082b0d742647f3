// test: timeout=120s serial
import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { diskErrors, isKind } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { qemuErrors } from './errors.js';
import { clearEngine, type EngineContext, failure, openEngine, specOf } from './testing.js';
import { referenceOf } from './vm-transfer.js';

const test = suite<EngineContext>('disks as files');
test.before.each(openEngine);
test.after.each(clearEngine);

const tool = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: 'utf8' });

test('a disk goes out of a running machine and comes in again, checked on the way', async (c) => {
  const none = join(c.dir, 'none.img');
  tool('truncate', '-s', '1M', none);
  const spec = specOf(c, { image: none, memoryMib: 32, nics: [], extraDisks: [{ name: 'db', sizeMib: 2 }] });
  await c.engine.create(spec);
  const db = join(c.dir, 'vms/vm/data-db.qcow2');
  tool('qemu-io', '-f', 'qcow2', '-c', 'write -P 7 0 1M', db);
  await c.engine.snapshots.create('vm', { name: 'then' });
  await c.engine.start('vm');
  const out = (format: 'qcow2' | 'raw' | 'vmdk', compress = false, snapshot?: string) =>
    c.engine.transfer.exportDisk('vm', {
      disk: 'db',
      path: join(c.dir, `out.${format}`),
      format,
      compress,
      ...(snapshot === undefined ? {} : { snapshot }),
    });
  const plain = await out('qcow2');
  const small = await out('qcow2', true);
  assert.ok(small.bytes < plain.bytes, `${small.bytes} of ${plain.bytes} bytes`);
  assert.is((await out('qcow2', true, 'then')).sha256, small.sha256);
  for (const format of ['raw', 'vmdk'] as const) {
    const { path, sha256 } = await out(format, format === 'vmdk');
    assert.is(tool('sha256sum', path).split(' ')[0], sha256);
    const image = await c.engine.transfer.importDisk({ name: format, path, sha256, format });
    assert.is(image.virtualBytes, 2 * 1024 ** 2);
    const read = tool('qemu-io', '-r', '-f', 'qcow2', '-c', 'read -P 7 0 1M', image.path);
    assert.not.match(read, 'verification failed');
  }
  const full = join(c.dir, 'full');
  tool('mkdir', full);
  tool('mount', '-t', 'tmpfs', '-o', 'size=256k', 'none', full);
  try {
    const request = { disk: 'db', path: join(full, 'out.raw'), format: 'raw' } as const;
    const noRoom = await failure(c.engine.transfer.exportDisk('vm', request));
    assert.ok(isKind(noRoom, diskErrors.DISK_FULL), String(noRoom));
    assert.equal(await readdir(full), []);
  } finally {
    tool('umount', full);
  }
  const raw = join(c.dir, 'out.raw');
  const wrong = await failure(c.engine.transfer.importDisk({ name: 'x', path: raw, sha256: '0'.repeat(64) }));
  assert.ok(isKind(wrong, qemuErrors.imageDigestMismatch));
  const missing = await failure(c.engine.transfer.importDisk({ name: 'x', path: '/nowhere' }));
  assert.ok(isKind(missing, qemuErrors.imageNotFound));
  const thief = join(c.dir, 'thief.qcow2');
  tool('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', raw, '-F', 'raw', thief);
  const refers = await failure(c.engine.transfer.importDisk({ name: 'x', path: thief }));
  assert.match(refers?.message ?? '', 'refers to another file');

  const [bootDisk, data] = await c.engine.transfer.disks('vm');
  assert.equal([bootDisk?.bootable, bootDisk?.base, bootDisk?.snapshots], [true, none, ['then']]);
  assert.equal([data?.disk, data?.virtualBytes, data?.base], ['db', 2 * 1024 ** 2, undefined]);
  const files = (await readdir(join(c.dir, 'vms/vm'))).filter((name) => name.endsWith('.qcow2'));
  assert.is(files.length, 4, `what was frozen for copies is merged: ${files.join(' ')}`);

  const image = join(c.dir, 'images/imported-raw.qcow2');
  await c.engine.create({ ...spec, id: 'second', image });
  const used = await failure(c.engine.transfer.removeImported('raw'));
  assert.ok(isKind(used, qemuErrors.imageInUse));
  assert.match(used?.message ?? '', 'the disks of second lie on it');
  await c.engine.destroy('second');
  await c.engine.transfer.removeImported('raw');
  await c.engine.transfer.removeImported('raw');
  const gone = await failure(c.engine.create({ ...spec, id: 'second', image }));
  assert.ok(isKind(gone, qemuErrors.imageNotFound));
});

test('an image that names other files is found out, whatever its format', () => {
  assert.is(referenceOf({ 'backing-filename': '/etc/shadow' }, '/a'), '/etc/shadow');
  assert.is(referenceOf({ 'format-specific': { data: { 'data-file': 'd' } } }, '/a'), 'd');
  const extents = (filename: string) => ({ 'format-specific': { data: { extents: [{ filename }] } } });
  assert.is(referenceOf(extents('/etc/shadow'), '/a'), '/etc/shadow');
  assert.is(referenceOf(extents('/a'), '/a'), undefined);
  assert.is(referenceOf({}, '/a'), undefined);
});

test.run();
