// test: timeout=120s
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '@edgeplane/base';
import { PowerOp } from '@edgeplane/proto/southbound/virtrigaud/provider/v1/provider.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HttpClient } from './http-client.js';
import { NetGuard } from './net-guard.js';
import { putObject } from './s3.js';
import { requests, TestProvider } from './testing.js';
import { TestS3 } from './testing-s3.js';

/** Disks that come from and go to places outside, with a store and a web server that check what they are sent. */
interface Context {
  p: TestProvider;
  store: TestS3;
  storeUrl: string;
  web: Server;
  webUrl: string;
  /** What the web server has, and what was put there. */
  files: Map<string, Buffer>;
  seen: IncomingMessage[];
}
const test = suite<Context>('transfers of VirtRigaud');
const KEYS = { accessKeyID: 'AKID', secretAccessKey: 's3cr3t/+key' };
const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');

test.before.each(async (c) => {
  c.store = new TestS3({ AKID: KEYS.secretAccessKey });
  c.storeUrl = await c.store.start();
  c.files = new Map();
  c.seen = [];
  c.web = createServer(async (request, response) => {
    c.seen.push(request);
    const path = (request.url ?? '').split('?')[0] ?? '';
    if (request.method === 'PUT') {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      c.files.set(path, Buffer.concat(chunks));
      response.writeHead(201).end();
    } else if (path === '/elsewhere') response.writeHead(302, { location: 'http://127.0.0.2:9/' }).end();
    else if (path === '/moved') response.writeHead(302, { location: '/disk' }).end();
    else if (path === '/never') response.writeHead(200, { 'content-length': 1000 }).write('x');
    else if (path === '/short')
      response.writeHead(200, { 'content-length': 1000 }).write('x', () => response.destroy());
    else {
      const file = c.files.get(path);
      response.writeHead(file ? 200 : 404).end(file);
    }
  });
  await new Promise<void>((resolve) => c.web.listen(0, '127.0.0.1', resolve));
  c.webUrl = `http://127.0.0.1:${(c.web.address() as AddressInfo).port}`;
  const hosts = [c.storeUrl, c.webUrl].map((url) => url.slice('http://'.length));
  c.p = new TestProvider({}, { allowedHosts: hosts, maxFetchBytes: 32 * 1024 ** 2 });
  await c.p.open();
});
test.after.each(async (c) => {
  await c.p.clear();
  c.store.stop();
  c.web.close();
  c.web.closeAllConnections();
});

const s3 = (c: Context, over: object = {}) => ({
  ...{ credentials: KEYS, backendType: 's3', transferMode: 'auto' },
  storageOptionsJson: JSON.stringify({ endpoint: c.storeUrl, region: 'eu-1', usePathStyle: true, ...over }),
});

test('a disk goes through a store that checks every signature', async (c) => {
  const { p, store } = c;
  await p.call('create', requests.create());
  const destinationUrl = 's3://my-bucket/a path/ö&+/export.qcow2';
  const sent = await p.call('exportDisk', requests.export({ destinationUrl, ...s3(c) }));
  const [[key, object] = ['', Buffer.alloc(0)]] = [...store.objects];
  assert.is(decodeURIComponent(key), '/my-bucket/a path/ö&+/export.qcow2');
  assert.is(sha256(object), sent.checksum);
  const source = {
    sourceUrl: destinationUrl,
    verifyChecksum: true,
    expectedChecksum: sent.checksum,
    ...s3(c),
  };
  assert.is((await p.call('importDisk', requests.import(source))).checksum, sent.checksum);

  const wrong = { ...s3(c), credentials: { ...KEYS, secretAccessKey: 'other' } };
  const refused = await p.failure('exportDisk', requests.export({ destinationUrl, ...wrong }));
  assert.match(refused, /^FAILED_PRECONDITION http:\/\/127.*: HTTP status 403 \(SignatureDoesNotMatch\)/);
  store.broken = () => true;
  assert.match(
    await p.failure('exportDisk', requests.export({ destinationUrl, ...s3(c) })),
    /^UNAVAILABLE .*503 \(SlowDown\)/,
  );
  store.broken = () => false;
  assert.match(
    await p.failure(
      'importDisk',
      requests.import({ sourceUrl: 's3://my-bucket/none', targetName: 'x', ...s3(c) }),
    ),
    /^NOT_FOUND http:\/\/127.*: not found/,
  );
  assert.equal(readdirSync(p.path('door', 'staging')), []);
  await p.close();
  // Nothing of the keys is left anywhere.
  for (const name of readdirSync(p.path('door', 'operations'), {
    recursive: true,
    encoding: 'utf8',
    withFileTypes: true,
  }))
    if (name.isFile())
      assert.not.match(readFileSync(`${name.parentPath}/${name.name}`, 'utf8'), /s3cr3t|AKID/);
});

test('a large object goes in parts, and is given up as a whole', async (c) => {
  const data = Buffer.alloc(65 * 1024 ** 2, 'disk');
  const path = c.p.path('large');
  writeFileSync(path, data);
  const keys = { accessKeyId: 'AKID', secretAccessKey: KEYS.secretAccessKey, sessionToken: 'session' };
  const object = { url: new URL(`${c.storeUrl}/b/large`), region: 'eu-1', keys };
  const http = new HttpClient(new NetGuard([c.storeUrl.slice(7)]), 'destination_url');
  const progress: number[] = [];
  const put = () =>
    putObject(
      http,
      systemClock,
      object,
      { path, bytes: data.length, sha256: sha256(data) },
      new AbortController().signal,
      (n) => progress.push(n),
    );
  c.store.broken = (call) => call.includes('partNumber=2');
  await put().then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, 'HTTP status 503'),
  );
  assert.is(c.store.uploads.size, 0);
  c.store.broken = () => false;
  await put();
  assert.ok(c.store.objects.get('/b/large')?.equals(data));
  assert.is(progress.at(-1), data.length);
});

test('a disk goes through a web server; redirects and what is cut short are seen', async (c) => {
  const { p, files, webUrl } = c;
  await p.call('create', requests.create());
  const credentials = { token: 'bearer-1' };
  const sent = await p.call(
    'exportDisk',
    requests.export({ destinationUrl: `${webUrl}/disk?sig=abc`, credentials }),
  );
  assert.is(sha256(files.get('/disk') ?? Buffer.alloc(0)), sent.checksum);
  assert.is(c.seen.at(-1)?.headers.authorization, 'Bearer bearer-1');
  const get = (path: string, targetName: string, over = {}) =>
    p.failure('importDisk', requests.import({ sourceUrl: webUrl + path, targetName, credentials, ...over }));
  assert.is(await get('/moved', 'moved', { verifyChecksum: true, expectedChecksum: sent.checksum }), 'OK');
  assert.match(
    await get('/elsewhere', 'x'),
    /^PERMISSION_DENIED source_url: 127\.0\.0\.2 is at 127\.0\.0\.2/,
  );
  assert.match(await get('/short', 'x'), /^UNAVAILABLE .*\/short/);
  assert.match(await get('/none', 'x'), /^NOT_FOUND/);
  files.set('/large', Buffer.alloc(33 * 1024 ** 2));
  assert.match(await get('/large', 'x'), /^RESOURCE_EXHAUSTED .*more than 33554432 bytes are not taken/);
  files.set('/text', Buffer.from('no disk at all'));
  assert.match(await get('/text', 'x', { format: 'vmdk' }), /^INVALID_ARGUMENT/);
  assert.equal(readdirSync(p.path('door', 'staging')), []);

  // Images come by the same ways.
  const prepare = (over: object, targetName = 'base') =>
    p.failure('imagePrepare', {
      imageJson: JSON.stringify({ source: { http: { url: `${webUrl}/disk`, ...over } } }),
      targetName,
      storageHint: '',
    });
  const checksum = { checksum: sent.checksum, checksumType: 'sha256' };
  assert.match(
    await prepare({ checksum: '0'.repeat(32), checksumType: 'md5' }),
    /^INVALID_ARGUMENT .*md5 is/,
  );
  assert.is(await prepare({ ...checksum, headers: { 'X-Key': 'k' } }), 'OK');
  assert.is(c.seen.at(-1)?.headers['x-key'], 'k');
  const calls = c.seen.length;
  assert.is(await prepare({ ...checksum, headers: { 'X-Key': 'k' } }), 'OK');
  assert.is(c.seen.length, calls);
  assert.match(await prepare({}), /^ALREADY_EXISTS Image "base"/);
  const of = (name: string, image: object) =>
    p.failure('create', requests.create({ name, imageJson: JSON.stringify(image) }));
  assert.is(await of('a', { TemplateName: 'base' }), 'OK');
  assert.is(await of('b', { URL: `${webUrl}/disk`, Checksum: sent.checksum, ChecksumType: 'sha256' }), 'OK');
  assert.is(await of('c', { URL: `${webUrl}/disk`, Checksum: sent.checksum }), 'OK');
  // Fetched once for all, and not kept for nobody.
  const imageDir = p.path('door', 'machines', 'images');
  const fetched = () => readdirSync(imageDir).filter((name) => name.startsWith('imported-url.')).length;
  assert.is(fetched(), 1);
  for (const id of ['b', 'c']) {
    assert.is(fetched(), 1);
    await p.call('delete', { id });
  }
  assert.is(fetched(), 0);
  assert.match(await of('d', { TemplateName: 'none' }), /^NOT_FOUND image_json.TemplateName: Image "none"/);
  assert.match(await of('e', { URL: 'http://127.0.0.1:1/x' }), /^PERMISSION_DENIED/);
  assert.match(await of('f', { Path: '/etc/passwd' }), /^PERMISSION_DENIED image_json.Path/);
  assert.match(await of('f', { Path: '../../etc/passwd' }), /^PERMISSION_DENIED image_json.Path/);
});

test('a machine whose image is still on its way is there, and goes at once', async ({ p, webUrl }) => {
  const of = (path: string) => requests.create({ imageJson: JSON.stringify({ URL: webUrl + path }) });
  const id = 'web';
  const creating = [p.failure('create', of('/never')), p.failure('create', of('/never'))];
  const seen = () => p.call('describe', { id });
  let described = await seen();
  while (!described.exists) described = await seen();
  assert.is(described.powerState, 'Off');
  const task = { id: String(JSON.parse(described.providerRawJson).task) };
  assert.equal(await p.call('taskStatus', { task }), { done: false, error: '' });
  const early = { id, op: PowerOp.POWER_OP_ON, gracefulTimeoutSeconds: 0 };
  assert.match(await p.failure('power', early), /^ABORTED .*is being made/);
  assert.match(await p.failure('create', of('/other')), /^ALREADY_EXISTS .*different image_json/);
  await p.call('delete', { id });
  for (const outcome of await Promise.all(creating)) assert.match(outcome, /^ABORTED cancelled/);
  assert.is((await seen()).exists, false);
  assert.is((await p.call('taskStatus', { task })).done, true);
  assert.equal(readdirSync(p.path('door', 'staging')), []);
});

test('a file comes from a folder that was named, and from no other', async () => {
  const p = new TestProvider();
  const own = new TestProvider({}, { fileDirs: [p.path('pvc')] });
  await p.open();
  await own.open();
  try {
    const file = own.image(p.path('pvc', 'a.qcow2'), 4);
    const import_ = (of: TestProvider, sourceUrl: string) =>
      of.failure('importDisk', requests.import({ sourceUrl }));
    assert.is(await import_(own, `file://${file}`), 'OK');
    assert.match(await import_(own, `file://${p.path('pvc')}/../a`), /^PERMISSION_DENIED|^NOT_FOUND/);
    assert.match(await import_(p, `file://${file}`), /^PERMISSION_DENIED/);
  } finally {
    await own.clear();
    await p.clear();
  }
});

test('a claim is not left, neither by name nor by link', async ({ p }) => {
  await p.call('create', requests.create());
  const to = (destinationUrl: string) => p.failure('exportDisk', requests.export({ destinationUrl }));
  writeFileSync(p.path('secret'), 'not for you');
  symlinkSync(p.path('secret'), p.path('pvc', 'claim', 'link'));
  symlinkSync(p.dir, p.path('pvc', 'claim', 'dir'));
  for (const url of [
    'pvc://claim/../x',
    'pvc://claim/%2e%2e/x',
    'pvc://../claim/x',
    'pvc://claim/a//b',
    'pvc://claim/%00',
    'pvc:claim',
  ])
    assert.match(await to(url), /^INVALID_ARGUMENT destination_url/, url);
  for (const url of ['pvc://claim/link', 'pvc://claim/dir/x', 'file:///etc/passwd'])
    assert.match(await to(url), /^PERMISSION_DENIED destination_url/, url);
  assert.match(await to('pvc://none/x'), /^NOT_FOUND/);
  assert.is(readFileSync(p.path('secret'), 'utf8'), 'not for you');
  const from = (sourceUrl: string) => p.failure('importDisk', requests.import({ sourceUrl, format: 'raw' }));
  assert.match(await from('pvc://claim/link'), /^PERMISSION_DENIED source_url/);
  assert.match(await from('pvc://claim/dir/secret'), /^PERMISSION_DENIED source_url/);
  assert.match(await from('pvc://claim/none'), /^NOT_FOUND/);
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ backendType: 'nfs' }, /^UNIMPLEMENTED operation not implemented: backend_type "nfs"/],
    [{ backendType: 's3' }, /^INVALID_ARGUMENT backend_type must be pvc/],
    [{ transferMode: 'teleport' }, /^INVALID_ARGUMENT transfer_mode/],
    [{ storageOptionsJson: '[]' }, /^INVALID_ARGUMENT storage_options_json/],
    [{ destinationUrl: 'nfs://server/x' }, /^UNIMPLEMENTED/],
    [{ destinationUrl: 'https://user:pw@host/x' }, /^INVALID_ARGUMENT destination_url .*got "\(hidden\)"/],
    [{ destinationUrl: 's3://b-1/x' }, /^INVALID_ARGUMENT credentials.accessKeyID/],
    [{ format: 'vdi' }, /^INVALID_ARGUMENT format/],
    [{ diskId: 'no' }, /^NOT_FOUND Disk "no"/],
    [{ snapshotId: 'no' }, /^NOT_FOUND Snapshot "no"/],
    [{ vmId: 'no' }, /^NOT_FOUND VirtualMachine "no"/],
  ];
  for (const [over, text] of wrong) assert.match(await p.failure('exportDisk', requests.export(over)), text);
});

test('addresses that are this host, however they are written', () => {
  const guard = new NetGuard(['localhost:8080', '10.0.0.1']);
  const bad = [
    ...[
      '127.0.0.1',
      '2130706433',
      '0x7f.1',
      '0.0.0.0',
      '169.254.169.254',
      '[::1]',
      '[::]',
      '[::ffff:127.0.0.1]',
    ],
    ...[
      '[::ffff:a9fe:a9fe]',
      '[fe80::1]',
      '[64:ff9b::7f00:1]',
      '224.0.0.1',
      '255.255.255.255',
      '[fd00:ec2::254]',
    ],
  ];
  for (const host of bad) assert.throws(() => guard.check('url', new URL(`http://${host}/`)), /url: /, host);
  for (const host of ['10.0.0.1', '192.168.1.1', '[2001:db8::1]', 'localhost:8080'])
    guard.check('url', new URL(`http://${host}/`));
  for (const text of ['http://x', 'a/b', ''])
    assert.throws(() => new NetGuard([text]), /--virtrigaud-allowed-hosts/);
});

test('a name is judged by where it leads', async () => {
  const call = (allowed: string[]) =>
    new HttpClient(new NetGuard(allowed), 'url')
      .call({ method: 'GET', url: new URL('http://localhost:1/'), signal: new AbortController().signal })
      .then(
        () => 'answered',
        (error: Error) => error.message,
      );
  assert.match(await call([]), /url: localhost is at (127\.0\.0\.1|::1)/);
  assert.match(await call(['localhost']), /ECONNREFUSED/);
});

test.run();
