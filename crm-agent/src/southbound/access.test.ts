import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, ManualClock, STATUS_NAMES } from '@edgeplane/base';
import { PodServiceService } from '@edgeplane/proto/southbound/aurae/runtime/pod/v0/pod.js';
import { type RpcServer, unary } from '@edgeplane/rpc';
import { makeTestCa, makeTestCertificate } from '@edgeplane/rpc/testing';
import { ChannelCredentials, Client, Metadata } from '@grpc/grpc-js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Access } from './access.js';
import type { Door, DoorName } from './door.js';
import { callerOf } from './identity.js';
import type { OpenedDoor } from './opened-door.js';
import type { AccessSettings, DoorSettings } from './settings.js';
import { OPEN_ACCESS, openTestDoor, testDoorContext } from './testing.js';

const dir = mkdtempSync(join(tmpdir(), 'access-'));
const ca = makeTestCa(dir, 'ca');
makeTestCa(dir, 'other-ca');
const server = makeTestCertificate(dir, 'server', 'ca');
const manager = makeTestCertificate(dir, 'manager', 'ca', 'DNS:manager.site,URI:spiffe://site/manager');
const sneaky = makeTestCertificate(
  dir,
  'sneaky',
  'ca',
  '@names\n[names]\nURI.1=http://x/, DNS:manager.site, y',
);
const stranger = makeTestCertificate(dir, 'stranger', 'other-ca', 'DNS:manager.site');
const TOKEN = 'tok-3f9d1c77';
const tokenFile = join(dir, 'token');
writeFileSync(tokenFile, `${TOKEN}\nnext-token\n`, { mode: 0o600 });
test.after(() => rmSync(dir, { recursive: true }));

const nothing = { ...OPEN_ACCESS, insecure: false };
const tls = { ...nothing, ...server };
const mutual = { ...tls, clientCa: ca.cert };

/** A door of whatever name with two methods: who called, and a failure that quotes nothing. */
class PodDoor implements Door {
  readonly callers: string[] = [];
  stopped = 0;
  readonly name: DoorName;

  constructor(name: DoorName) {
    this.name = name;
  }

  async start(): Promise<void> {}
  addServices(to: RpcServer): void {
    const answer = unary((_request: unknown, context) => {
      this.callers.push(callerOf(context));
      assert.equal(context.metadata.get('authorization'), []);
      return {} as never;
    });
    to.addService(PodServiceService, { allocate: answer, start: answer, stop: answer, free: answer });
  }
  handleHttp(_request: IncomingMessage, response: ServerResponse): void {
    response.end('inside');
  }

  async stop(): Promise<void> {
    this.stopped += 1;
  }
}

/** Opens a door, has `use` call it, and closes it; also says what was logged meanwhile. */
async function withDoor(
  name: DoorName,
  over: Partial<DoorSettings>,
  use: (opened: OpenedDoor, door: PodDoor) => Promise<void>,
): Promise<string> {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ name: 'test', level: 'trace', destination });
  const context = testDoorContext({ logger });
  const door = new PodDoor(name);
  const opened = await openTestDoor(door, context, over);
  try {
    await use(opened, door);
  } finally {
    await opened.stop('keep');
    context.remove();
  }
  assert.is(door.stopped, 1);
  return lines.join('');
}

const METHODS = {
  service: '/aurae.runtime.pod.v0.PodService/Allocate',
  health: '/grpc.health.v1.Health/Check',
  unknown: '/aurae.runtime.pod.v0.PodService/Nothing',
  foreign: '/no.such/Method',
};

interface Dialled {
  readonly cert?: { readonly cert: string; readonly key: string } | undefined;
  readonly plain?: boolean;
  readonly authorization?: string;
}

/** Status names of calls, by what was called; of reflection too. */
async function statuses(address: string, how: Dialled): Promise<Record<string, string>> {
  const read = (path: string) => readFileSync(path);
  const { cert } = how;
  const credentials = how.plain
    ? ChannelCredentials.createInsecure()
    : ChannelCredentials.createSsl(read(ca.cert), ...(cert ? [read(cert.key), read(cert.cert)] : []));
  const client = new Client(address, credentials, { 'grpc.enable_retries': 0 });
  const metadata = () => {
    const made = new Metadata();
    if (how.authorization !== undefined) made.set('authorization', how.authorization);
    // What a client says of itself counts for nothing.
    made.set('edgeplane-caller-bin', Buffer.from('uid:0'));
    return made;
  };
  const deadline = () => ({ deadline: Date.now() + 20_000 });
  const raw = (value: Buffer) => value;
  const nameOf = (error: { code: number } | null) => STATUS_NAMES[error?.code ?? 0] ?? '';
  const out: Record<string, string> = {};
  for (const [what, path] of Object.entries(METHODS)) {
    out[what] = await new Promise((resolve) => {
      const done = (error: { code: number } | null) => resolve(nameOf(error));
      client.makeUnaryRequest(path, raw, raw, Buffer.alloc(0), metadata(), deadline(), done);
    });
  }
  out['reflection'] = await new Promise((resolve) => {
    const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
    const call = client.makeBidiStreamRequest(path, raw, raw, metadata(), deadline());
    call.on('data', () => undefined);
    call.on('error', (error: Error & { code: number }) => resolve(nameOf(error)));
    call.on('end', () => resolve('OK'));
    // list_services
    call.write(Buffer.from([0x3a, 0]));
    call.end();
  });
  client.close();
  return out;
}

const all = (status: string) => ({
  service: status,
  health: status,
  unknown: status,
  foreign: status,
  reflection: status,
});
const LET_IN = { ...all('OK'), unknown: 'UNIMPLEMENTED', foreign: 'UNIMPLEMENTED' };

test('mutual TLS: nobody but holders of a certificate with an allowed name', async () => {
  const allowedNames = ['manager.site', 'spiffe://site/other'];
  const access = { ...mutual, allowedNames };
  await withDoor('virtrigaud', { access }, async ({ addresses }, door) => {
    const address = addresses['virtrigaud'] ?? '';
    assert.equal(await statuses(address, { cert: manager }), LET_IN);
    assert.equal(door.callers, ['spiffe://site/manager']);
    assert.equal(await statuses(address, { cert: server }), all('PERMISSION_DENIED'));
    assert.equal(await statuses(address, { cert: sneaky }), all('PERMISSION_DENIED'));
    // These end with the handshake.
    assert.equal(await statuses(address, {}), all('UNAVAILABLE'));
    assert.equal(await statuses(address, { cert: stranger }), all('UNAVAILABLE'));
    assert.equal(await statuses(address, { plain: true }), all('UNAVAILABLE'));
    assert.equal(door.callers.length, 1);
  });
  for (const name of ['manager', 'spiffe://site/manager'])
    await withDoor('virtrigaud', { access: { ...mutual, allowedNames: [name] } }, async ({ addresses }) =>
      assert.equal(await statuses(addresses['virtrigaud'] ?? '', { cert: manager }), LET_IN),
    );
});

test('tokens: the right one, in the way of the ecosystem, and never in a log', async () => {
  const basic = (token: string) => `Basic ${Buffer.from(token).toString('base64')}`;
  const access = { ...tls, tokenFile };
  const log = await withDoor('flintlock', { access }, async ({ addresses }, door) => {
    const address = addresses['flintlock'] ?? '';
    for (const authorization of [
      basic(TOKEN),
      basic('next-token').replace('Basic', 'bAsIc'),
      `Bearer ${TOKEN}`,
    ])
      assert.equal(await statuses(address, { authorization }), LET_IN, authorization);
    assert.equal(door.callers, ['token', 'token', 'token']);
    for (const authorization of [basic('wrong'), 'Bearer wrong', `Digest ${TOKEN}`, TOKEN, 'Basic ', ''])
      assert.equal(await statuses(address, { authorization }), all('UNAUTHENTICATED'), authorization);
    assert.equal(await statuses(address, {}), all('UNAUTHENTICATED'));
    assert.equal(await statuses(address, { plain: true, authorization: basic(TOKEN) }), all('UNAVAILABLE'));
  });
  const encoded = Buffer.from(TOKEN).toString('base64');
  assert.ok(log.includes('Audit start') && !log.includes(TOKEN) && !log.includes(encoded), log);
  for (const [door, refused] of [
    ['virtrigaud', 'PERMISSION_DENIED'],
    ['operations', 'UNAUTHENTICATED'],
    ['aurae', 'UNAUTHENTICATED'],
  ] as const)
    await withDoor(door, { access }, async ({ addresses }) => {
      const address = addresses[door] ?? '';
      assert.equal(await statuses(address, { authorization: `Bearer ${TOKEN}` }), LET_IN);
      assert.equal(await statuses(address, { authorization: basic(TOKEN) }), all(refused));
      assert.equal(await statuses(address, {}), all(refused));
    });
});

test('certificate and token are both asked for where both are given', async () => {
  const access = { ...mutual, tokenFile };
  await withDoor('operations', { access }, async ({ addresses }, door) => {
    const address = addresses['operations'] ?? '';
    assert.equal(await statuses(address, { cert: manager }), all('UNAUTHENTICATED'));
    const authorization = `Bearer ${TOKEN}`;
    assert.equal(await statuses(address, { cert: server, authorization }), LET_IN);
    assert.match(door.callers.join(), /^cert:([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  });
});

test('a Unix socket is for its owner, and one that a dead process left is taken over', async () => {
  const path = join(dir, 'aurae.sock');
  // A socket file that nobody listens on any more.
  const dead = createServer();
  await new Promise<void>((resolve) => void dead.listen(join(dir, 'dead.sock'), resolve));
  linkSync(join(dir, 'dead.sock'), path);
  await new Promise((resolve) => dead.close(resolve));
  const listeners = [{ address: `unix:${path}` }];
  await withDoor('aurae', { listeners, access: nothing }, async ({ addresses }, door) => {
    assert.is(addresses['aurae'], `unix:${path}`);
    assert.is(statSync(path).mode & 0o777, 0o600);
    assert.equal(await statuses(`unix:${path}`, { plain: true }), LET_IN);
    assert.equal(door.callers, [`uid:${process.getuid?.()}`]);
    await rejects(openOne('aurae', { listeners, access: nothing }), /the address is in use/);
  });
  assert.throws(() => statSync(path), /ENOENT/);
});

test('the HTTP gateway asks the same', async () => {
  const access = { ...mutual, tokenFile };
  await withDoor('flintlock', { access, httpAddr: '127.0.0.1:0' }, async ({ addresses }) => {
    const address = addresses['flintlock http'] ?? '';
    const shown = { ...files(manager), authorization: `Bearer ${TOKEN}` };
    assert.equal(await get(address, shown), [200, 'inside']);
    const [status, text] = await get(address, files(manager));
    assert.is(status, 401);
    assert.equal(JSON.parse(text).code, 16);
    assert.equal((await get(address, { authorization: `Bearer ${TOKEN}` }))[0], 0);
  });
  await withDoor('flintlock', { access: OPEN_ACCESS, httpAddr: '127.0.0.1:0' }, async ({ addresses }) =>
    assert.equal(await get(addresses['flintlock http'] ?? '', undefined), [200, 'inside']),
  );
});

test('probes of a provider need no identity, and tell nothing else', async () => {
  await withDoor('virtrigaud', { access: mutual, healthAddr: '127.0.0.1:0' }, async ({ addresses }) => {
    const address = addresses['virtrigaud health'] ?? '';
    assert.equal(await get(address, undefined, '/healthz'), [200, 'ok']);
    assert.equal(await get(address, undefined, '/readyz'), [200, 'ready']);
    const [status, text] = await get(address, undefined, '/health?x');
    assert.is(status, 200);
    assert.is(JSON.parse(text).status, 'healthy');
    assert.is((await get(address, undefined, '/'))[0], 404);
  });
});

test('a certificate that is replaced is used, and one that does not fit is not', async () => {
  const own = { cert: join(dir, 'own.crt'), key: join(dir, 'own.key') };
  const use = (name: string, which: ('cert' | 'key')[]) => {
    for (const file of which)
      copyFileSync(join(dir, `${name}.${file === 'cert' ? 'crt' : 'key'}`), own[file]);
  };
  use('server', ['cert', 'key']);
  const clock = new ManualClock();
  const access = new Access('aurae', { ...nothing, ...own, insecure: true }, clock, testDoorContext().logger);
  const before = access.pair?.cert;
  use('manager', ['cert']);
  await access.look();
  assert.equal(access.pair?.cert, before, 'half of a pair');
  const changes: Buffer[] = [];
  access.onPair(({ cert }) => void changes.push(cert));
  use('manager', ['key']);
  await access.look();
  assert.equal(access.pair?.cert, readFileSync(manager.cert));
  assert.equal(changes, [readFileSync(manager.cert)]);
  await access.look();
  assert.is(changes.length, 1);
  await access.stop();
  assert.is(clock.pending, 0);
});

test('a door that could not tell its callers apart does not open', async () => {
  const bad = (access: AccessSettings, address = '127.0.0.1:0') =>
    openOne('flintlock', { access, listeners: [{ address }] });
  await rejects(
    bad(nothing),
    /--flintlock-addr 127.0.0.1:0: nobody could tell who calls; give --flintlock-client-ca/,
  );
  await rejects(bad(tls), /nobody could tell/);
  await rejects(bad({ ...nothing, tokenFile }, '0.0.0.0:0'), /in plain text/);
  await (await bad({ ...nothing, tokenFile })).stop('keep');
  chmodSync(tokenFile, 0o644);
  await rejects(bad({ ...tls, tokenFile }), /--flintlock-token-file \S+: other users must not/);
  chmodSync(tokenFile, 0o600);
  writeFileSync(join(dir, 'empty'), '\n', { mode: 0o600 });
  await rejects(bad({ ...tls, tokenFile: join(dir, 'empty') }), /holds no token/);
  await rejects(bad({ ...mutual, key: manager.key }), /--flintlock-cert \S+: the key is not the one/);
  await rejects(bad({ ...mutual, clientCa: join(dir, 'none') }), /--flintlock-client-ca \S+none: ENOENT/);
  await rejects(bad({ ...mutual, clientCa: tokenFile }), /--flintlock-client-ca/);
});

test('a folder of TLS files is used whole, or not at all', () => {
  const tlsDir = mkdtempSync(join(dir, 'tls-'));
  const make = (insecure: boolean) =>
    new Access('virtrigaud', { ...nothing, tlsDir, insecure }, new ManualClock(), testDoorContext().logger);
  assert.throws(() => make(false).rules('127.0.0.1:1'), /nobody could tell/);
  assert.not(make(true).rules('127.0.0.1:1').certificate);
  copyFileSync(server.cert, join(tlsDir, 'tls.crt'));
  copyFileSync(server.key, join(tlsDir, 'tls.key'));
  assert.throws(() => make(true), /there is no \S+ca.crt/);
  copyFileSync(ca.cert, join(tlsDir, 'ca.crt'));
  assert.ok(make(false).rules('127.0.0.1:1').certificate);
});

async function openOne(name: DoorName, over: Partial<DoorSettings>): Promise<OpenedDoor> {
  const context = testDoorContext();
  try {
    return await openTestDoor(new PodDoor(name), context, over);
  } finally {
    context.remove();
  }
}

async function rejects(promise: Promise<unknown>, pattern: RegExp): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason: Error) => reason,
  );
  assert.match(error?.message ?? 'it did not fail', pattern);
}

const files = ({ cert, key }: { cert: string; key: string }) => ({
  cert: readFileSync(cert),
  key: readFileSync(key),
});

/** Status and text; 0 when the connection fails. Plain HTTP without `shown`. */
function get(
  address: string,
  shown: { cert?: Buffer; key?: Buffer; authorization?: string } | undefined,
  path = '/',
): Promise<[number, string]> {
  const { authorization, ...own } = shown ?? {};
  const headers = authorization === undefined ? {} : { authorization };
  const options = { headers, ...own, ca: readFileSync(ca.cert), agent: false as const };
  const send = shown ? httpsRequest : httpRequest;
  return new Promise((resolve) => {
    const request = send(`${shown ? 'https' : 'http'}://${address}${path}`, options, (response) => {
      let text = '';
      response.on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve([response.statusCode ?? 0, text]));
    });
    request.on('error', () => resolve([0, '']));
    request.end();
  });
}

test.run();
