// test: timeout=300s serial
/** VirtRigaud's provider API of a real agent with real guests, called with Google's gRPC as its manager calls it. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  hostSnapshot,
  NOTHING_LEFT,
  newSince,
  type Running,
  runPythonClient,
  startAgent,
  tempDir,
} from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { builtImage } from './site.js';

const SCRIPT = resolve(fileURLToPath(import.meta.url), '../southbound-virtrigaud.py');
const dir = tempDir('virtrigaud');
const state = join(dir.path, 'agent-site/southbound/virtrigaud');
const claim = join(dir.path, 'pvc/claim');
const before = await hostSnapshot('/tmp/virtrigaud');
let image = '';
let agent: Running;

/** Where disks are put and fetched. */
const files = new Map<string, Buffer>();
const web = createServer(async (request, response) => {
  const name = request.url ?? '';
  if (request.method !== 'PUT') return response.writeHead(files.has(name) ? 200 : 404).end(files.get(name));
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  files.set(name, Buffer.concat(chunks));
  return response.writeHead(201).end();
});
await new Promise<void>((ready) => web.listen(0, '127.0.0.1', ready));
const webHost = `127.0.0.1:${(web.address() as AddressInfo).port}`;

function start(): Promise<Running> {
  return startAgent(dir.path, '127.0.0.1:9', { operator: 'op', name: 'site' }, [
    ...[
      '--platform',
      'fakecloudlet',
      '--on-stop',
      'stop',
      '--image-dir',
      image.slice(0, image.lastIndexOf('/')),
    ],
    ...['--virtrigaud-addr', '127.0.0.1:0', '--virtrigaud-insecure', '--virtrigaud-allowed-hosts', webHost],
    ...['--virtrigaud-pvc-dir', join(dir.path, 'pvc')],
  ]);
}

function call<T>(part: string, more: object = {}): Promise<T> {
  const address = agent.addresses['virtrigaud'] ?? '';
  return runPythonClient<T>({
    api: 'virtrigaud',
    script: SCRIPT,
    address,
    input: { part, image, web: `http://${webHost}`, ...more },
  });
}

test.before(async () => {
  image = await builtImage('guest/build.sh');
  mkdirSync(claim, { recursive: true });
  agent = await start();
});

test.after(async () => {
  await agent?.stop();
  web.close();
  web.closeAllConnections();
  dir.remove();
});

interface Lived {
  readonly boots: {
    readonly first: string;
    readonly second: string;
    readonly reverted: string;
    readonly moved: Record<string, string>;
  };
  readonly able: Record<string, boolean>;
  readonly sent: { readonly checksum: string; readonly estimated_size_bytes: string };
  readonly got: { readonly checksum: string; readonly disk_id: string };
  readonly listed: readonly unknown[];
  readonly info: { readonly virtual_size_bytes: string; readonly snapshots: readonly string[] };
}

test('a manager makes a guest, takes it back, copies it, and moves its disk', async () => {
  const lived = await call<Lived>('lifecycle');
  const { first, second, reverted, moved } = lived.boots;
  // The guest counts its boots on its disk: going back makes the second boot anew.
  assert.equal([first, second, reverted], ['1', '2', '2']);
  assert.equal([moved['boot'], moved['hostname']], ['2', 'moved']);
  const object = files.get('/disk?sig=s3cr3t') ?? Buffer.alloc(0);
  assert.is(createHash('sha256').update(object).digest('hex'), lived.sent.checksum);
  assert.is(String(object.length), lived.sent.estimated_size_bytes);
  assert.is(lived.got.checksum, lived.sent.checksum);
  assert.equal(lived.listed, [
    ['clone-False', 'Off', 1, '192'],
    ['clone-True', 'Off', 1, '192'],
    ['moved', 'On', 1, '192'],
    ['web', 'On', 1, '192'],
  ]);
  assert.equal([lived.info.virtual_size_bytes, lived.info.snapshots], [String(2 ** 30), ['before']]);
  for (const [name, value] of Object.entries(lived.able))
    if (name.startsWith('supports_')) assert.ok(value, name);
});

test('guests outlive the agent, and what was begun is done once', async () => {
  const begun = await call<object>('begin');
  agent.kill('SIGKILL');
  await agent.exited;
  agent = await start();
  const next = await call<{ boot: string; checksum: string; same: boolean; state: string }>('again', {
    begun,
  });
  assert.equal([next.boot, next.state, next.same], ['2', 'On', true]);
  const sent = readFileSync(join(claim, 'long.raw'));
  assert.is(createHash('sha256').update(sent).digest('hex'), next.checksum);
  assert.equal(readdirSync(claim).sort(), ['long.raw', 'vms']);
});

const REFUSALS: Readonly<Record<string, string>> = {
  'create empty': 'INVALID_ARGUMENT: name must be',
  'create traversal': 'INVALID_ARGUMENT: name must be',
  'create deep': 'INVALID_ARGUMENT: class_json must be JSON',
  'create type': 'INVALID_ARGUMENT: class_json.CPU must be a whole number, got "2"',
  'create huge': 'INVALID_ARGUMENT: class_json.DiskDefaults.SizeGiB must be a whole number from 0 to 65536',
  'create no room': 'RESOURCE_EXHAUSTED: flavor x: disk of 61440000 MB is needed',
  'create image': 'NOT_FOUND: image_json.TemplateName: Image "none" not found',
  'create path': 'PERMISSION_DENIED: image_json.Path: /etc/shadow lies in none of the folders',
  'create other': 'ALREADY_EXISTS: VirtualMachine "bad" exists with a different class_json',
  delete: 'INVALID_ARGUMENT: id must be given',
  'power op': 'INVALID_ARGUMENT: op must be one of ON, OFF, REBOOT, SHUTDOWN_GRACEFUL, got 0',
  'power time': 'INVALID_ARGUMENT: graceful_timeout_seconds must be a whole number from 0',
  'power unknown': 'NOT_FOUND: VirtualMachine "none" not found',
  reconfigure: 'INVALID_ARGUMENT: desired_json must be given',
  'reconfigure shrink': 'INVALID_ARGUMENT: desired_json.Class.DiskDefaults',
  upgrade: 'INVALID_ARGUMENT: target_version must be',
  task: 'INVALID_ARGUMENT: task.id must be given',
  'snapshot unknown': 'NOT_FOUND: VirtualMachine "none" not found',
  'snapshot memory': 'FAILED_PRECONDITION: include_memory: VirtualMachine "bad" is off',
  'snapshot delete': 'NOT_FOUND: VirtualMachine "none" not found',
  revert: 'NOT_FOUND: Snapshot "none" of VirtualMachine "bad" not found',
  clone: 'INVALID_ARGUMENT: target_name must be',
  'clone unknown': 'NOT_FOUND: VirtualMachine "none" not found',
  image: 'INVALID_ARGUMENT: image_json must be given with a source',
  'image name': 'INVALID_ARGUMENT: target_name must be',
  'image host': 'PERMISSION_DENIED: image_json.URL: 169.254.169.254 is at 169.254.169.254',
  'export traversal': 'INVALID_ARGUMENT: destination_url must be a path without ..',
  'export backend': 'UNIMPLEMENTED: operation not implemented: backend_type "nfs"',
  'import missing': 'NOT_FOUND: ',
  'import checksum': 'INVALID_ARGUMENT: source_url: sha256 is ',
  info: 'NOT_FOUND: Disk "none" of VirtualMachine "bad" not found',
  method: 'UNIMPLEMENTED: ',
};

test('what is wrong with each call is named, and nothing is left of it', async () => {
  const said = await call<Record<string, string>>('refusals');
  for (const [name, text] of Object.entries(REFUSALS)) assert.match(said[name] ?? '', text, name);
  assert.equal(Object.keys(said).sort(), Object.keys(REFUSALS).sort());
});

test('what is deleted leaves nothing', async () => {
  assert.equal(await call('remove'), []);
  assert.equal(readdirSync(join(state, 'machines/vms')), []);
  assert.equal(readdirSync(join(state, 'machines/images')), []);
  for (const folder of ['staging', 'disks', 'images', 'operations/secrets'])
    assert.equal(readdirSync(join(state, folder)), [], folder);
  assert.is(statSync(state).mode & 0o077, 0);
  await agent.stop();
  assert.equal(newSince(before, await hostSnapshot('/tmp/virtrigaud')), NOTHING_LEFT);
  for (const log of readdirSync(dir.path).filter((name) => name.endsWith('.log')))
    assert.not.match(readFileSync(join(dir.path, log), 'utf8'), 's3cr3t');
});

test.run();
