/** The location API and token server simulators, as programs (match engine spec sections 7.2 and 7.3). */
import { generateKeyPairSync } from 'node:crypto';
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ManualClock, systemClock } from '@edgeplane/base';
import { jwtVerify } from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ROOT, type Running, startProgram } from '../programs.js';
import { runCommand } from '../run-command.js';
import { tempDir } from '../temp-dir.js';
import { readCountries } from './countries.js';
import { KnownPlaces } from './known-places.js';
import { answerLocApi } from './loc-api.js';
import { ipOfToken, makeToken } from './location-token.js';

interface Context {
  dir: string;
  remove: () => void;
  locApi: Running;
  tokSrv: Running;
}

const tests = suite<Context>('location simulators');

tests.before(async (context) => {
  const temp = tempDir('sims');
  context.dir = temp.path;
  context.remove = temp.remove;
  const file = join(context.dir, 'places.yml');
  context.locApi = await startProgram(
    'loc-api-sim',
    ['-port', '0', '-host', '::1', '-file', file],
    context.dir,
  );
  context.tokSrv = await startProgram('tok-srv-sim', ['-port=0'], context.dir);
});
tests.after(async ({ locApi, tokSrv, remove }) => {
  await Promise.all([locApi.stop(), tokSrv.stop()]);
  remove();
});

async function ask({ locApi }: Context, path: string, body?: unknown) {
  const url = `http://${locApi.addresses['http']}${path}`;
  const answer = await fetch(url, body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) });
  return { status: answer.status, text: await answer.text() };
}

/** A token as clients have it: what follows `dt-id=` where they are redirected to. */
async function token({ tokSrv }: Context, path = '/its'): Promise<string> {
  const url = `http://${tokSrv.addresses['http']}${path}?followURL=http://dme/verify`;
  const answer = await fetch(url, { redirect: 'manual' });
  assert.is(answer.status, 303);
  const location = answer.headers.get('location') ?? '';
  assert.ok(location.startsWith('http://dme/verify?dt-id='));
  return location.slice(location.indexOf('dt-id=') + 6);
}

tests('a place is told, asked for and verified, over IPv6 too', async (context) => {
  const updated = await ask(context, '/updateLocation', { latitude: 50, longitude: 8 });
  assert.is(updated.text, 'Location DB Updated OK for 127.0.0.1\n');
  await ask(context, '/updateLocation', { latitude: 1, longitude: 2, ipaddr: '2001:db8::7' });
  assert.equal(JSON.parse((await ask(context, '/showLocations')).text), {
    '127.0.0.1': { latitude: 50, longitude: 8 },
    '2001:db8::7': { latitude: 1, longitude: 2 },
  });
  const verify = async (latitude: number, text: string) => {
    const body = { latitude, longitude: 8, token: text, serviceUrl: 'http://x' };
    return JSON.parse((await ask(context, '/verifyLocation', body)).text) as {
      matchingDegree: string;
      message: string;
    };
  };
  const good = await token(context);
  assert.match(Buffer.from(good, 'base64').toString(), /^IP=127\.0\.0\.1 Expires=\d+$/);
  const degrees = await Promise.all([50.01, 50.05, 50.5, 55].map((latitude) => verify(latitude, good)));
  assert.equal(
    degrees.map(({ matchingDegree }) => matchingDegree),
    ['1', '2', '3', '4'],
  );
  for (const bad of [await token(context, '/itsexpired'), 'nonsense']) {
    const refused = await verify(50, bad);
    assert.is(refused.matchingDegree, '-1');
    assert.match(refused.message, 'RESULT: invalidToken');
  }
  const stranger = makeToken('192.0.2.1', Math.floor(systemClock.now() / 1000) + 60);
  assert.is((await verify(50, stranger)).matchingDegree, '0');
});

tests('refusals and help', async (context) => {
  assert.equal(await ask(context, '/updateLocation', { latitude: 0, longitude: 8 }), {
    status: 400,
    text: 'improperly formatted request\n',
  });
  const missing = { status: 400, text: 'missing field\n' };
  assert.equal(await ask(context, '/verifyLocation', { latitude: 1, longitude: 1, token: 't' }), missing);
  assert.is((await ask(context, '/verifyLocation')).status, 500);
  assert.match((await ask(context, '/')).text, 'simulator');
  assert.is(
    (await fetch(`http://${context.tokSrv.addresses['http']}/its`, { redirect: 'manual' })).status,
    400,
  );
});

tests('a file that people edit is read again', ({ dir }) => {
  const path = join(dir, 'edited.yml');
  const places = new KnownPlaces(path);
  assert.equal(places.all(), {});
  places.put('10.0.0.1', { latitude: 1, longitude: 2 });
  writeFileSync(path, '10.0.0.2:\n  latitude: 3\n  longitude: 4\n');
  const later = new Date(systemClock.now() + 5000);
  utimesSync(path, later, later);
  assert.equal(places.all(), { '10.0.0.2': { latitude: 3, longitude: 4 } });
});

tests('with borders, countries count', ({ dir }) => {
  const square = (code: string, west: number) => ({
    properties: { ISO_A2: code },
    geometry: {
      type: 'Polygon',
      coordinates: [
        [
          [west, 0],
          [west + 10, 0],
          [west + 10, 10],
          [west, 10],
        ],
      ],
    },
  });
  const countries = readCountries(JSON.stringify({ features: [square('US', 0), square('DE', 10)] }));
  const places = new KnownPlaces(join(dir, 'borders.yml'));
  const clock = new ManualClock(1_000_000);
  const body = (longitude: number, ip: string) =>
    JSON.stringify({ latitude: 5, longitude, token: makeToken(ip, 1060), serviceUrl: 'u' });
  places.put('us', { latitude: 5, longitude: 9.99 });
  places.put('de', { latitude: 5, longitude: 10.01 });
  const code = (longitude: number, ip: string) => {
    const asked = {
      method: 'POST',
      url: new URL('http://s/verifyLocation'),
      body: body(longitude, ip),
      caller: '',
    };
    const { body: text } = answerLocApi({ places, countries, home: 'US', clock }, asked);
    return (JSON.parse(text) as { matchingDegree: string }).matchingDegree;
  };
  assert.equal(
    [code(9.98, 'us'), code(10.02, 'de'), code(9.98, 'de'), code(10.02, 'us')],
    ['1', '6', '5', '7'],
  );
  assert.is(ipOfToken(makeToken('::2', 10), 10), '::2');
  assert.is(ipOfToken(makeToken('::2', 10), 11), undefined);
});

tests('a token for an App is signed with the developer key', async ({ dir }) => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const path = join(dir, 'key.pem');
  writeFileSync(path, privateKey.export({ type: 'pkcs1', format: 'pem' }));
  const names = ['-devname', 'd', '-appname', 'a b', '-appvers=1'];
  const made = await runCommand(join(ROOT, 'bin/genauthtoken'), ['-privkeyfile', path, ...names]);
  const [first, text] = made.stdout.split('\n');
  assert.is(first, 'Token: ');
  const { payload, protectedHeader } = await jwtVerify(text ?? '', publicKey);
  assert.is(protectedHeader.alg, 'RS256');
  assert.equal([payload['devname'], payload['appname'], payload['appvers']], ['d', 'a b', '1']);
  assert.is((payload.exp ?? 0) - (payload.iat ?? 0), 60);
  assert.is((await runCommand(join(ROOT, 'bin/genauthtoken'), names)).code, 1);
});

tests.run();
