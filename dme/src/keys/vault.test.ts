/** Cookie keys from a Vault (match engine spec section 3.1), over real HTTP. */
import { type EdgeplaneError, ManualClock, silentLogger, systemClock, systemRandom } from '@edgeplane/base';
import { decodeJwt } from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { APPS } from '../fixtures.js';
import { Sessions } from '../sessions.js';
import { TestWorld, until } from '../testing.js';
import { KeyRing } from './key-ring.js';
import { TestVault } from './testing-vault.js';
import { VaultKeys } from './vault.js';

interface Context {
  vault: TestVault;
  url: string;
  rings: KeyRing[];
}

const APP = { developerKey: { name: 'dev' }, name: 'app', version: '1' };
const tests = suite<Context>('vault');

tests.before.each(async (context) => {
  context.vault = new TestVault();
  context.url = await context.vault.listen();
  context.rings = [];
});
tests.after.each(async ({ vault, rings }) => {
  await Promise.all(rings.map((ring) => ring.stop()));
  await vault.stop();
});

async function start(
  { url, rings }: Context,
  clock = new ManualClock(1e12),
  secretId = 'hush',
  lines: unknown[] = [],
) {
  const logger = { ...silentLogger, warn: (...line: unknown[]) => lines.push(line) } as typeof silentLogger;
  const source = new VaultKeys({ url, roleId: 'role', secretId }, { clock, random: systemRandom, logger });
  const ring = new KeyRing(source);
  rings.push(ring);
  await ring.start();
  return { ring, clock, sessions: new Sessions(ring, clock, 86_400_000) };
}

tests('the sequence; versions are key ids, from the current one down to the oldest', async (context) => {
  const { vault } = context;
  for (const version of [1, 2, 3, 4]) vault.versions.set(version, { secret: `s${version}` });
  vault.oldest = 2;
  const { ring } = await start(context);
  await until('keys came', () => ring.keys.newest === 4);
  assert.equal(vault.requests, [
    'POST /v1/auth/approle/login',
    'GET /v1/jwtkeys/metadata/dme',
    ...[4, 3, 2].map((version) => `GET /v1/jwtkeys/data/dme?version=${version}`),
  ]);
  assert.is(ring.keys.find(1), undefined);
  assert.is(ring.keys.find(3)?.export().toString(), 's3');
});

tests('with only one version written, oldest is 0: it works all the same', async (context) => {
  context.vault.versions.set(1, { secret: 'only' });
  const { ring } = await start(context);
  await until('keys came', () => ring.keys.newest === 1);
  assert.not.ok(context.vault.requests.some((request) => request.endsWith('version=0')));
});

tests('a Vault that is away at the start is tried again within seconds', async (context) => {
  context.vault.versions.set(1, { secret: 'late' });
  context.vault.down = true;
  const { ring } = await start(context, systemClock as unknown as ManualClock);
  assert.is(ring.keys.signing, undefined);
  await until('it was asked', () => context.vault.requests.length > 1);
  context.vault.down = false;
  await until('keys came', () => ring.keys.newest === 1);
});

tests(
  'a cookie of a key that a replica does not know makes it look, no more than every 5 s',
  async (context) => {
    const { vault } = context;
    vault.versions.set(1, { secret: 'a' }).set(2, { secret: 'b' });
    // What one makes after its polling interval, the other must not find to be of the future.
    const other = await start(context, new ManualClock(1e12 + 300_000));
    const one = await start(context);
    await until('keys came', () => one.ring.keys.newest === 2 && other.ring.keys.newest === 2);
    const old = one.sessions.issue({ app: APP, peerIp: '' });
    vault.versions.set(3, { secret: 'c' });
    one.clock.advance(300_000);
    await until('rotated', () => one.ring.keys.newest === 3);
    const young = one.sessions.issue({ app: APP, peerIp: '' });
    assert.equal((await one.sessions.verify(old)).app, APP);
    other.clock.advance(1000);
    await (async () => other.sessions.verify(young))().then(
      () => assert.unreachable('it may not look again so soon'),
      (error: Error) => assert.match(error.message, 'no secret for kid 3'),
    );
    other.clock.advance(4000);
    assert.equal((await other.sessions.verify(young)).app, APP);
    assert.equal((await other.sessions.verify(old)).app, APP);
  },
);

tests(
  'the entry may say how often; a deleted version is passed over; a Vault that is away takes nothing',
  async (context) => {
    const { vault } = context;
    vault.versions.set(1, { secret: 'a' }).set(3, { secret: 'c', refresh: '20s' });
    const { ring, clock } = await start(context);
    await until('keys came', () => ring.keys.newest === 3);
    assert.ok(ring.keys.find(1));
    vault.down = true;
    let asked = vault.requests.length;
    clock.advance(20_000);
    await until('asked in vain', () => vault.requests.length > asked && clock.pending > 0);
    assert.is(ring.keys.newest, 3);
    vault.down = false;
    vault.versions.set(4, { secret: 'd' });
    await until('keys came', () => {
      asked = vault.requests.length;
      clock.advance(20_000);
      return ring.keys.newest === 4;
    });
  },
);

tests('a match engine reads its keys there, and has none to sign with before', async (context) => {
  const { vault, url } = context;
  vault.down = true;
  const world = new TestWorld();
  try {
    const env = { VAULT_ROLE_ID: 'role', VAULT_SECRET_ID: 'hush' };
    const dme = await world.start(['--vaultAddr', url], {}, env);
    await dme.register(APPS.ever).then(
      () => assert.unreachable(),
      (error: EdgeplaneError) => assert.equal([error.status, error.message], ['INTERNAL', 'no signing key']),
    );
    vault.versions.set(1, { secret: 'a' }).set(2, { secret: 'b' });
    vault.down = false;
    const cookie = await eventually(() => dme.cookie(APPS.ever));
    assert.is((decodeJwt(cookie)['key'] as { kid?: number }).kid, 2);
  } finally {
    await world.stop();
  }
});

async function eventually(call: () => Promise<string>): Promise<string> {
  let result = '';
  await until('it works', async () => {
    result = await call().catch(() => '');
    return result !== '';
  });
  return result;
}

tests('what cannot be used is said, without what was sent or came', async (context) => {
  const { vault } = context;
  vault.versions.set(1, { secret: 'hush-hush' }).set(2, { wrong: 'hush-hush' });
  const lines: unknown[] = [];
  await start(context, undefined, undefined, lines);
  await until('a warning', () => lines.length > 0);
  assert.match(JSON.stringify(lines), 'version 2 of jwtkeys/dme has no \\"secret\\"');
  await start(context, undefined, 'wrong', lines);
  await until('another', () => lines.length > 1);
  assert.match(JSON.stringify(lines), 'status 400 for /v1/auth/approle/login');
  assert.not.match(JSON.stringify(lines), 'hush');
  assert.not.match(JSON.stringify(lines), 'token-');
});

tests.run();
