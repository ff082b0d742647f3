import { createHmac } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EdgeplaneError, ManualClock, silentLogger } from '@edgeplane/base';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { goDuration } from './go-duration.js';
import { type CookieSecret, cookieKeys } from './keys/cookie-keys.js';
import { keptKeySource, keyFileSource, readKeyFile } from './keys/key-file.js';
import { KeyRing } from './keys/key-ring.js';
import { peerIp } from './peer-ip.js';
import { type Session, Sessions } from './sessions.js';

const START = 1_700_000_000_500;
const DAY_MS = 24 * 3600 * 1000;
const APP = { developerKey: { name: 'dev' }, name: 'app', version: '1.0' };

function sessions(clock = new ManualClock(START), kids: readonly number[] = [1]): Sessions {
  const keys = cookieKeys(kids.map((kid) => ({ kid, secret: `secret ${kid}` })));
  return new Sessions(new KeyRing(undefined, keys), clock, DAY_MS);
}

/** A token signed by hand, so that the library is not checked against itself. */
function sign(header: object, payload: object, secret: string, hash = 'sha512'): string {
  const text = [header, payload].map((v) => Buffer.from(JSON.stringify(v)).toString('base64url')).join('.');
  return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    assert.instance(error, EdgeplaneError);
    assert.is((error as EdgeplaneError).status, 'UNAUTHENTICATED');
    return (error as EdgeplaneError).message;
  }
  return 'accepted';
}

const HEADER = { alg: 'HS512', typ: 'JWT' };
const NOW_S = Math.floor(START / 1000);

test('a cookie has the form that match engines share', async () => {
  const cookie = sessions(undefined, [1, 2]).issue({ app: APP, peerIp: '10.0.0.1' });
  const [header, payload] = cookie.split('.').map((part) => Buffer.from(part, 'base64url').toString());
  assert.is(header, '{"alg":"HS512","typ":"JWT"}');
  assert.is(
    payload,
    `{"exp":${NOW_S + 86400},"iat":${NOW_S},"key":{"peerip":"10.0.0.1","devname":"dev","appname":"app","appvers":"1.0","kid":2}}`,
  );
  const expected = sign(HEADER, JSON.parse(payload ?? '') as object, 'secret 2');
  assert.is(cookie, expected);
});

test('any names come back as they went in', async () => {
  const name = fc.string({ unit: 'grapheme', maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(name, name, name, async (dev, appName, version) => {
      const app = { developerKey: { name: dev }, name: appName, version };
      const issuer = sessions();
      const session = await issuer.verify(issuer.issue({ app, peerIp: '::1' }));
      assert.equal(session, { app, peerIp: '::1' });
    }),
    { numRuns: 50 },
  );
});

async function verify(by: Sessions, cookie: string): Promise<Session> {
  return by.verify(cookie);
}

test('a changed character anywhere makes a cookie worthless', async () => {
  const issuer = sessions();
  const cookie = issuer.issue({ app: APP, peerIp: '10.0.0.1' });
  await fc.assert(
    fc.asyncProperty(fc.nat(cookie.length - 1), fc.constantFrom('A', 'x', '0', '.', '_'), async (at, c) => {
      const changed = cookie.slice(0, at) + c + cookie.slice(at + 1);
      fc.pre(changed !== cookie);
      assert.is.not(await refusal(verify(issuer, changed)), 'accepted');
    }),
  );
});

test('every refusal says why', async () => {
  const clock = new ManualClock(START);
  const verifier = sessions(clock);
  const key = { devname: 'dev', kid: 1 };
  const good = { exp: NOW_S + 60, iat: NOW_S, key };
  const cases: readonly (readonly [string, string])[] = [
    ['', 'VerifyCookie failed: missing cookie'],
    ['a.b', 'token contains an invalid number of segments'],
    ['a.b.c.d', 'token contains an invalid number of segments'],
    ['a.b.c', 'token is malformed'],
    [sign(HEADER, good, 'another secret'), 'signature is invalid'],
    [sign({ ...HEADER, alg: 'HS256' }, good, 'secret 1', 'sha256'), 'signing method HS256 is invalid'],
    [sign({ alg: 'none' }, good, 'secret 1'), 'signing method none is invalid'],
    [sign(HEADER, { ...good, key: { kid: 7 } }, 'secret 1'), 'VerifyCookie failed: no secret for kid 7'],
    [sign(HEADER, { ...good, key: {} }, 'secret 1'), 'VerifyCookie failed: no secret for kid 0'],
    [sign(HEADER, { exp: 1 }, 'secret 1'), 'No Key data in cookie'],
    [sign(HEADER, { ...good, exp: NOW_S - 3723 }, 'secret 1'), 'token is expired by 1h2m3s'],
    [sign(HEADER, { iat: NOW_S, key }, 'secret 1'), 'token has no expiry'],
    [sign(HEADER, { ...good, iat: NOW_S + 1 }, 'secret 1'), 'Token used before issued'],
    [sign(HEADER, { ...good, nbf: NOW_S + 1 }, 'secret 1'), 'token is not valid yet'],
    [sign(HEADER, { ...good, exp: 'never' }, 'secret 1'), 'token has a bad "exp" claim'],
    [sign(HEADER, good, 'secret 1'), 'accepted'],
  ];
  for (const [cookie, expected] of cases) assert.is(await refusal(verify(verifier, cookie)), expected);
});

test('a cookie lives through the second it expires in', async () => {
  const clock = new ManualClock(NOW_S * 1000);
  const issuer = sessions(clock);
  const cookie = issuer.issue({ app: APP, peerIp: '' });
  clock.advance(DAY_MS + 999);
  await issuer.verify(cookie);
  clock.advance(1);
  assert.is(await refusal(verify(issuer, cookie)), 'token is expired by 1s');
});

test('a cookie of an older key is good after a new one was added', async () => {
  const cookie = sessions(undefined, [1, 2]).issue({ app: APP, peerIp: '' });
  const rotated = sessions(undefined, [2, 3]);
  assert.equal((await rotated.verify(cookie)).app, APP);
  const next = rotated.issue({ app: APP, peerIp: '' });
  assert.is(
    await refusal(verify(sessions(undefined, [1, 2]), next)),
    'VerifyCookie failed: no secret for kid 3',
  );
});

test('a cookie of a newer key makes its verifier look for it, once', async () => {
  let looks = 0;
  let take: (secrets: readonly CookieSecret[]) => void = () => undefined;
  const secret = (kid: number) => ({ kid, secret: `secret ${kid}` });
  const ring = new KeyRing({
    start(taker) {
      take = taker;
      take([secret(1), secret(2)]);
    },
    async refresh() {
      looks += 1;
      take([secret(2), secret(3)]);
    },
    stop: async () => undefined,
  });
  await ring.start();
  const replica = new Sessions(ring, new ManualClock(START), DAY_MS);
  const cookie = sessions(undefined, [3]).issue({ app: APP, peerIp: '' });
  assert.equal((await replica.verify(cookie)).app, APP);
  assert.equal((await replica.verify(cookie)).app, APP);
  const old = sessions(undefined, [1]).issue({ app: APP, peerIp: '' });
  assert.is(await refusal(verify(replica, old)), 'VerifyCookie failed: no secret for kid 1');
  assert.is(looks, 1);
});

test('a changed key file is taken up; a broken one is not', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'dme-keys-'));
  const clock = new ManualClock(START);
  const path = join(dir, 'keys.json');
  const ring = new KeyRing(keyFileSource(path, silentLogger, clock));
  try {
    await ring.start();
    const write = (kids: readonly number[]) =>
      writeFileSync(path, JSON.stringify({ keys: kids.map((kid) => ({ kid, secret: `secret ${kid}` })) }));
    write([4, 5]);
    clock.advance(5000);
    assert.is(ring.keys.newest, 5);
    writeFileSync(path, '{');
    clock.advance(5000);
    assert.is(ring.keys.newest, 5);
    write([5, 6, 7]);
    clock.advance(1000);
    assert.is((await ring.keysFor(6)).newest, 7);
  } finally {
    await ring.stop();
    rmSync(dir, { recursive: true });
  }
  assert.is(clock.pending, 0);
});

test('keys that another process keeps are waited for, and none are made', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'dme-keys-'));
  const clock = new ManualClock(START);
  const path = join(dir, 'keys.json');
  const ring = new KeyRing(keptKeySource(path, silentLogger, clock));
  try {
    await ring.start();
    clock.advance(10_000);
    assert.is(ring.keys.signing, undefined);
    assert.not.ok(existsSync(path));
    writeFileSync(path, JSON.stringify({ keys: [{ kid: 3, secret: 'x' }] }));
    clock.advance(1000);
    assert.is(ring.keys.signing?.kid, 3);
    rmSync(path);
    clock.advance(10_000);
    assert.is(ring.keys.signing?.kid, 3);
    assert.not.ok(existsSync(path));
  } finally {
    await ring.stop();
    rmSync(dir, { recursive: true });
  }
});

test('without a key nothing is signed', () => {
  try {
    sessions(undefined, []).issue({ app: APP, peerIp: '' });
    assert.unreachable();
  } catch (error) {
    assert.is((error as EdgeplaneError).message, 'no signing key');
    assert.is((error as EdgeplaneError).status, 'INTERNAL');
  }
});

test('the key file is made once, private, and read again', () => {
  const dir = mkdtempSync(join(tmpdir(), 'dme-keys-'));
  try {
    const path = join(dir, 'sub', 'keys.json');
    const [made] = readKeyFile(path, silentLogger);
    assert.is(made?.kid, 1);
    assert.is(statSync(path).mode & 0o777, 0o600);
    const text = readFileSync(path, 'utf8');
    assert.equal(readKeyFile(path, silentLogger), [made]);
    assert.is(readFileSync(path, 'utf8'), text);
    const faults: readonly (readonly [string, RegExp])[] = [
      ['{"keys":[{"kid":1,"secret":"hush"}', /is not JSON$/],
      ['{}', /must hold a list "keys"/],
      ['{"keys":[]}', /at least one key/],
      ['{"keys":[{"kid":0,"secret":"hush"}]}', /keys\[0\]\.kid must be an integer/],
      ['{"keys":[{"kid":1,"secret":""}]}', /keys\[0\]\.secret/],
      ['{"keys":[{"kid":1,"secret":"a"},{"kid":1,"secret":"b"}]}', /kid 1 is there twice/],
    ];
    for (const [content, pattern] of faults) {
      writeFileSync(path, content);
      assert.throws(
        () => readKeyFile(path, silentLogger),
        (error: Error) => {
          assert.match(error.message, pattern);
          assert.match(error.message, path);
          assert.not.match(error.message, 'hush');
          return true;
        },
      );
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('peers of both address families have an IP address', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['10.0.0.1:5000', '10.0.0.1'],
    ['[::1]:5000', '::1'],
    ['[fe80::1%eth0]:5000', 'fe80::1'],
    ['::1:5000', '::1'],
    ['[::ffff:10.0.0.1]:5', '10.0.0.1'],
    ['unix:/tmp/socket', ''],
    ['unknown', ''],
  ];
  for (const [peer, ip] of cases) assert.is(peerIp(peer), ip, peer);
});

test('durations read as in Go', () => {
  assert.equal([1, 60, 61, 3600, 90061].map(goDuration), ['1s', '1m0s', '1m1s', '1h0m0s', '25h1m1s']);
});

test.run();
