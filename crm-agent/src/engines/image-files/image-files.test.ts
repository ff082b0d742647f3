import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ImageFileCopies, RootDisks } from './index.js';

const dir = mkdtempSync(join(tmpdir(), 'edgeplane-image-files-'));
const image = join(dir, 'image');
mkdirSync(join(image, 'boot'), { recursive: true });
mkdirSync(join(image, 'etc'));
writeFileSync(join(image, 'boot/vmlinuz-6.1'), 'kernel');
writeFileSync(join(image, 'etc/motd'), 'hello');
symlinkSync('vmlinuz-6.1', join(image, 'boot/vmlinuz'));
symlinkSync('/boot/vmlinuz', join(image, 'kernel'));
symlinkSync('../../../../../../etc/passwd', join(image, 'etc/outside'));
symlinkSync('/etc/hostname', join(image, 'etc/host'));
symlinkSync('round', join(image, 'round'));
writeFileSync(join(dir, 'secret'), 'of the host');
symlinkSync('../secret', join(image, 'secret'));

let shown = 0;
const images = {
  async withImageFiles<T>(_id: string, work: (folder: string) => Promise<T>): Promise<T> {
    shown += 1;
    return work(image);
  },
};
const PARTITION = '0FC63DAF-8483-4772-8e79-0123456789ab';
const run = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: 'utf8' });
const nothing = async () => undefined;

test('a disk has the files of its image, is made once, and goes when nobody uses it', async () => {
  const disks = new RootDisks(join(dir, 'disks'));
  await disks.init();
  const disk = { image: 'x', id: 'sha256:abc', sizeMib: 16 };
  shown = 0;
  const paths = await Promise.all([1, 2, 3].map(() => disks.use(images, disk, async (path) => path)));
  assert.is(shown, 1);
  const [path = ''] = paths;
  assert.is(run('/sbin/debugfs', '-R', 'cat /etc/motd', path), 'hello');
  await disks.use(images, disk, () => disks.keepOnly(new Set()));
  assert.ok(existsSync(path));
  await disks.keepOnly(new Set());
  assert.not(existsSync(path));
});

test('without a size a disk fits its files; without an image it is empty', async () => {
  const disks = new RootDisks(join(dir, 'disks'));
  const fit = await disks.use(images, { image: 'x', id: 'abc' }, async (path) => path);
  assert.is(run('/sbin/debugfs', '-R', 'cat /etc/motd', fit), 'hello');
  const empty = await disks.use(images, { image: '', sizeMib: 1 }, async (path) => path);
  assert.is(readFileSync(empty).length, 1024 ** 2);
  assert.match(run('/sbin/dumpe2fs', '-h', empty), 'Filesystem volume name:   root');
});

test('a partition has the UUID that was asked for, and the file system is in it', async () => {
  const disks = new RootDisks(join(dir, 'disks'));
  const disk = { image: 'x', id: 'abc', sizeMib: 16, partitionId: PARTITION };
  const path = await disks.use(images, disk, async (made) => made);
  const [start, sectors, uuid] = run('partx', '-g', '-b', '-o', 'START,SECTORS,UUID', path)
    .trim()
    .split(/\s+/);
  assert.equal([start, sectors, uuid], ['2048', '32768', PARTITION.toLowerCase()]);
  run('/sbin/e2fsck', '-nf', `${path}?offset=${1024 ** 2}`);
});

test('what cannot be made is told with the reason, and leaves nothing', async () => {
  const disks = new RootDisks(join(dir, 'failing'));
  await disks.init();
  writeFileSync(join(image, 'big'), Buffer.alloc(3 * 1024 ** 2, 7));
  const error = await disks.use(images, { image: 'x', id: 'abc', sizeMib: 2 }, nothing).catch(String);
  rmSync(join(image, 'big'));
  assert.match(String(error), 'image "x" cannot be put on a disk of 2 MB: ');
  assert.equal(readdirSync(join(dir, 'failing')), []);
});

test('a file is copied from an image, through links of the image that never lead out of it', async () => {
  const copies = new ImageFileCopies(join(dir, 'copies'));
  await copies.init();
  const copy = (file: string) =>
    copies.use(images, { image: 'x', id: 'abc', file }, async (path) => readFileSync(path, 'utf8'));
  for (const file of ['boot/vmlinuz-6.1', '/boot/vmlinuz', 'kernel', './boot//vmlinuz', '../../boot/vmlinuz'])
    assert.is(await copy(file), 'kernel', file);
  for (const file of [
    'none',
    'etc',
    'etc/outside',
    'etc/host',
    'secret',
    '../secret',
    'round',
    'boot/vmlinuz/x',
    '',
  ])
    assert.match(String(await copy(file).catch(String)), `image "x" has no file "${file}"`, file);
});

test.after(() => rmSync(dir, { recursive: true, force: true }));
test.run();
