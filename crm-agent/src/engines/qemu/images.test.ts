import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ErrorKind, isKind, silentLogger, systemClock } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { qemuErrors } from './errors.js';
import { createDisk, ImageStore, type ImageStoreOptions, inspectImage, parseImageSource } from './images.js';

interface Context {
  dir: string;
  base: string;
  server: Server;
  url: string;
  hits: number;
}
const test = suite<Context>('images');
test.before.each(async (c) => {
  c.dir = await mkdtemp(join(tmpdir(), 'images-'));
  c.base = join(c.dir, 'base.qcow2');
  img('create', '-q', '-f', 'qcow2', c.base, '8M');
  c.hits = 0;
  const body = await readFile(c.base);
  c.server = createServer((request, response) => {
    c.hits += 1;
    if (request.url === '/cut')
      response.writeHead(200, { 'content-length': body.length }).write(body.subarray(0, 9));
    if (request.url === '/cut') setImmediate(() => response.destroy());
    else if (request.url === '/stalled')
      response.writeHead(200, { 'content-length': body.length }).write(body.subarray(0, 9));
    else if (request.url?.startsWith('/guest'))
      response.writeHead(200, { 'content-length': body.length }).end(body);
    else if (request.url === '/silent') return;
    else response.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => c.server.once('listening', resolve));
  c.url = `http://127.0.0.1:${(c.server.address() as AddressInfo).port}`;
});
test.after.each(async (c) => {
  c.server.closeAllConnections();
  c.server.close();
  await rm(c.dir, { recursive: true, force: true });
});

function img(...args: string[]): string {
  return execFileSync('qemu-img', args, { encoding: 'utf8' });
}

async function refused(work: Promise<unknown>, kind: ErrorKind, text: string): Promise<void> {
  const error = await work.then(
    () => undefined,
    (e: unknown) => e,
  );
  assert.ok(isKind(error, kind), String(error));
  assert.match((error as Error).message, text);
}

const store = (c: Context, limits: Partial<ImageStoreOptions> = {}) =>
  new ImageStore({
    cacheDir: join(c.dir, 'cache'),
    logger: silentLogger,
    clock: systemClock,
    ...limits,
  });

test('a server that ceases to send is given up, by its own cause', async (c) => {
  for (const path of ['silent', 'stalled']) {
    const fetched = store(c, { stallMs: 200 }).resolve(`${c.url}/${path}`);
    await refused(fetched, qemuErrors.imageDownloadFailed, 'the server has sent nothing for 0.2 s');
  }
  assert.equal(await readdir(join(c.dir, 'cache')), []);
});

test('what is to be fetched is known before', async (c) => {
  const images = store(c, { stallMs: 200 });
  assert.is(await images.bytesToFetch(c.base), 0, 'it is here');
  assert.is(await images.bytesToFetch(`${c.url}/guest`), (await stat(c.base)).size);
  for (const path of ['none', 'silent']) assert.is(await images.bytesToFetch(`${c.url}/${path}`), 0, path);
  await images.resolve(`${c.url}/guest`);
  assert.is(await images.bytesToFetch(`${c.url}/guest`), 0, 'it has been fetched');
});

test('a path and a file URL name the same image', async (c) => {
  const want = {
    path: c.base,
    format: 'qcow2',
    virtualBytes: 8 * 1024 ** 2,
    fileBytes: (await stat(c.base)).size,
  };
  assert.equal(await store(c).resolve(c.base), want);
  assert.equal(await store(c).resolve(pathToFileURL(c.base).href), want);
});

test('what is no image reference is refused with the reason', () => {
  for (const wrong of ['relative.qcow2', 'nbd://host/x', 'json:{}', 'http://h/x#crc:1', 'file://far/x', '']) {
    assert.throws(
      () => parseImageSource(wrong),
      (e: unknown) => isKind(e, qemuErrors.imageInvalid),
      wrong,
    );
  }
});

test('a missing image is named', async (c) => {
  await refused(
    store(c).resolve('/nowhere/a.qcow2'),
    qemuErrors.imageNotFound,
    'image /nowhere/a.qcow2 not found',
  );
  await refused(store(c).resolve(`${c.url}/absent`), qemuErrors.imageNotFound, '/absent not found');
});

test('images that reach into other files are refused, as are other formats', async (c) => {
  const overlay = join(c.dir, 'overlay.qcow2');
  img('create', '-q', '-f', 'qcow2', '-b', c.base, '-F', 'qcow2', overlay);
  await refused(inspectImage(overlay), qemuErrors.imageInvalid, 'backing file');
  const outside = join(c.dir, 'outside.qcow2');
  img('create', '-q', '-f', 'qcow2', '-o', `data_file=${join(c.dir, 'x.raw')}`, outside, '1M');
  await refused(inspectImage(outside), qemuErrors.imageInvalid, 'external data file');
  const vdi = join(c.dir, 'a.vdi');
  img('create', '-q', '-f', 'vdi', vdi, '1M');
  await refused(inspectImage(vdi), qemuErrors.imageInvalid, 'format is vdi');
  await mkdir(join(c.dir, 'folder'));
  await refused(inspectImage(join(c.dir, 'folder')), qemuErrors.imageInvalid, 'not a regular file');
  await writeFile(join(c.dir, 'broken.qcow2'), Buffer.from('QFI\xfb\0\0\0\x09', 'latin1'));
  await refused(inspectImage(join(c.dir, 'broken.qcow2')), qemuErrors.imageInvalid, 'cannot be used');
});

test('a URL is downloaded once, also when asked for twice at the same time', async (c) => {
  const sha256 = createHash('sha256')
    .update(await readFile(c.base))
    .digest('hex');
  const images = store(c);
  const url = `${c.url}/guest.qcow2#sha256:${sha256}`;
  const [a, b] = await Promise.all([images.resolve(url), images.resolve(url)]);
  assert.equal(a, b);
  assert.equal(await store(c).resolve(url), a);
  assert.is(c.hits, 1);
});

test('a wrong digest, too large a body and a broken connection leave nothing behind', async (c) => {
  const url = `${c.url}/guest.qcow2#md5:${'0'.repeat(32)}`;
  await refused(store(c).resolve(url), qemuErrors.imageDigestMismatch, `expected ${'0'.repeat(32)}`);
  await refused(
    store(c, { maxBytes: 1000 }).resolve(`${c.url}/guest`),
    qemuErrors.imageTooLarge,
    'limit of 1000 bytes',
  );
  await refused(
    store(c).resolve(`${c.url}/cut`),
    qemuErrors.imageDownloadFailed,
    '/cut cannot be downloaded',
  );
  assert.equal(await readdir(join(c.dir, 'cache')), []);
});

test('a disk over a base knows it exactly; it may grow and not shrink', async (c) => {
  const base = await inspectImage(c.base);
  const disk = join(c.dir, 'disk.qcow2');
  await createDisk(disk, base, 16);
  const info = JSON.parse(img('info', '--output=json', disk)) as Record<string, unknown>;
  assert.is(info['backing-filename'], c.base);
  assert.is(info['backing-filename-format'], 'qcow2');
  assert.is(info['virtual-size'], 16 * 1024 ** 2);
  await refused(
    createDisk(join(c.dir, 'small'), base, 1),
    qemuErrors.imageInvalid,
    'more than the disk of 1 MiB',
  );
  assert.equal(
    (await readdir(c.dir)).filter((name) => name.endsWith('.part')),
    [],
  );
});

test.run();
