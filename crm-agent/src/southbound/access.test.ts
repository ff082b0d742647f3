import { once } from 'node:events';
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
import { connect as connectHttp2 } from 'node:http2';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock, silentLogger } from '@edgeplane/base';
import { makeTestCa, makeTestCertificate } from '@edgeplane/rpc/testing';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Access } from './access.js';
import type { DoorName } from './door.js';
import type { OpenedDoor } from './opened-door.js';
import type { AccessSettings, DoorSettings } from './settings.js';
import { OPEN_ACCESS, openTestDoor, testDoorContext } from './testing.js';
import { PodDoor, rejects, statuses, withDoor } from './testing-callers.js';

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
    assert.equal(await statuses(address, ca.cert, { cert: manager }), LET_IN);
    assert.equal(door.callers, ['spiffe://site/manager']);
    assert.equal(await statuses(address, ca.cert, { cert: server }), all('PERMISSION_DENIED'));
    assert.equal(await statuses(address, ca.cert, { cert: sneaky }), all('PERMISSION_DENIED'));
    // These end with the handshake.
    assert.equal(await statuses(address, ca.cert, {}), all('UNAVAILABLE'));
    assert.equal(await statuses(address, ca.cert, { cert: stranger }), all('UNAVAILABLE'));
    assert.equal(await statuses(address, ca.cert, { plain: true }), all('UNAVAILABLE'));
    assert.equal(door.callers.length, 1);
  });
  for (const name of ['manager', 'spiffe://site/manager'])
    await withDoor('virtrigaud', { access: { ...mutual, allowedNames: [name] } }, async ({ addresses }) =>
      assert.equal(await statuses(addresses['virtrigaud'] ?? '', ca.cert, { cert: manager }), LET_IN),
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
      assert.equal(await statuses(address, ca.cert, { authorization }), LET_IN, authorization);
    assert.equal(door.callers, ['token', 'token', 'token']);
    for (const authorization of [basic('wrong'), 'Bearer wrong', `Digest ${TOKEN}`, TOKEN, 'Basic ', ''])
      assert.equal(
        await statuses(address, ca.cert, { authorization }),
        all('UNAUTHENTICATED'),
        authorization,
      );
    assert.equal(await statuses(address, ca.cert, {}), all('UNAUTHENTICATED'));
    assert.equal(
      await statuses(address, ca.cert, { plain: true, authorization: basic(TOKEN) }),
      all('UNAVAILABLE'),
    );
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
      assert.equal(await statuses(address, ca.cert, { authorization: `Bearer ${TOKEN}` }), LET_IN);
      assert.equal(await statuses(address, ca.cert, { authorization: basic(TOKEN) }), all(refused));
      assert.equal(await statuses(address, ca.cert, {}), all(refused));
    });
});

test('certificate and token are both asked for where both are given', async () => {
  const access = { ...mutual, tokenFile };
  await withDoor('operations', { access }, async ({ addresses }, door) => {
    const address = addresses['operations'] ?? '';
    assert.equal(await statuses(address, ca.cert, { cert: manager }), all('UNAUTHENTICATED'));
    const authorization = `Bearer ${TOKEN}`;
    assert.equal(await statuses(address, ca.cert, { cert: server, authorization }), LET_IN);
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
    assert.equal(await statuses(`unix:${path}`, ca.cert, { plain: true }), LET_IN);
    assert.equal(door.callers, [`uid:${process.getuid?.()}`]);
    await rejects(openOne('aurae', { listeners, access: nothing }), /the address is in use/);
  });
  assert.throws(() => statSync(path), /ENOENT/);
});

test('a client that pings without a call is answered, however often', async () => {
  await withDoor('operations', { access: OPEN_ACCESS }, async ({ addresses }) => {
    const session = connectHttp2(`http://${addresses['operations']}`);
    await once(session, 'remoteSettings');
    for (let i = 0; i < 50; i++)
      await new Promise<void>((resolve, reject) =>
        session.ping((error) => (error ? reject(error) : resolve())),
      );
    assert.not(session.closed);
    session.destroy();
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
  const access = new Access('aurae', { ...nothing, ...own, insecure: true }, clock, silentLogger);
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
    new Access('virtrigaud', { ...nothing, tlsDir, insecure }, new ManualClock(), silentLogger);
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

test.run();
