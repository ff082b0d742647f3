/** The client of a carrier's location API (match engine spec section 7.1), over real HTTP. */
import { createServer, type IncomingMessage } from 'node:http';
import { silentLogger, systemClock } from '@edgeplane/base';
import { VerifyLocationReply_GPSLocationStatus as GpsStatus } from '@edgeplane/proto/dme/app-client.js';
import { callUnary } from '@edgeplane/rpc';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { APPS } from '../fixtures.js';
import { EMPTY_LOC } from '../place.js';
import { TestWorld } from '../testing.js';
import { followUrl, LocationApi, verdictOfAnswer } from './location-api.js';

interface Context {
  url: string;
  answer: { status: number; body: string };
  asked: { headers: IncomingMessage['headers']; body: string }[];
  stop: () => Promise<void>;
}

const tests = suite<Context>('location API');

tests.before(async (context) => {
  context.asked = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    context.asked.push({ headers: request.headers, body });
    response.writeHead(context.answer.status);
    response.end(context.answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  context.url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/verifyLocation`;
  context.stop = () => new Promise((resolve) => void server.close(() => resolve()).closeAllConnections());
});
tests.after((context) => context.stop());

const TOKEN_SERVER = 'http://tok/its?followURL=https://dme.example/verifyLoc';
const PLACE = { latitude: 1.5, longitude: -2 };
const degree = (matchingDegree: string, message = '') => JSON.stringify({ matchingDegree, message });

function api({ url }: Context, more: Partial<ConstructorParameters<typeof LocationApi>[0]> = {}) {
  const address = { url, user: '', password: '', tokenServerUrl: TOKEN_SERVER, ...more };
  return new LocationApi(address, systemClock, silentLogger);
}

const never = new AbortController().signal;

tests('what is asked, with and without a user', async (context) => {
  context.answer = { status: 200, body: degree('2') };
  const verdict = await api(context).verify(PLACE, 'tok', never);
  assert.equal(verdict, { status: GpsStatus.LOC_VERIFIED, km: 10 });
  assert.is(
    context.asked.at(-1)?.body,
    '{"latitude":1.5,"longitude":-2,"token":"tok","serviceUrl":"https://dme.example/verifyLoc"}',
  );
  assert.is(context.asked.at(-1)?.headers['content-type'], 'application/json');
  assert.is(context.asked.at(-1)?.headers.authorization, undefined);
  await api(context, { user: 'u', password: 'p:w' }).verify(PLACE, 'tok', never);
  assert.is(context.asked.at(-1)?.headers.authorization, `Basic ${Buffer.from('u:p:w').toString('base64')}`);
});

tests('every answer is a verdict', () => {
  const cases: readonly (readonly [number, string, GpsStatus, number])[] = [
    [200, degree('0'), GpsStatus.LOC_UNKNOWN, -1],
    [200, degree('1'), GpsStatus.LOC_VERIFIED, 2],
    [200, degree('3'), GpsStatus.LOC_VERIFIED, 100],
    [200, degree('4'), GpsStatus.LOC_MISMATCH_SAME_COUNTRY, -1],
    [200, degree('5'), GpsStatus.LOC_MISMATCH_OTHER_COUNTRY, -1],
    [200, degree('6'), GpsStatus.LOC_ROAMING_COUNTRY_MATCH, -1],
    [200, degree('7'), GpsStatus.LOC_ROAMING_COUNTRY_MISMATCH, -1],
    [200, degree('99'), GpsStatus.LOC_UNKNOWN, -1],
    [200, degree('-1', 'RESULT: invalidToken'), GpsStatus.LOC_ERROR_UNAUTHORIZED, -1],
    [200, degree('-1', 'no luck'), GpsStatus.LOC_ERROR_OTHER, -1],
    [200, degree('near'), GpsStatus.LOC_ERROR_OTHER, -1],
    [200, '{"matchingDegree":1}', GpsStatus.LOC_ERROR_OTHER, -1],
    [200, 'null', GpsStatus.LOC_ERROR_OTHER, -1],
    [401, '{}', GpsStatus.LOC_ERROR_UNAUTHORIZED, -1],
    [403, '{}', GpsStatus.LOC_ERROR_UNAUTHORIZED, -1],
    [500, degree('1'), GpsStatus.LOC_ERROR_OTHER, -1],
  ];
  for (const [status, body, expected, km] of cases)
    assert.equal(verdictOfAnswer({ status, json: JSON.parse(body) }), { status: expected, km }, body);
});

tests('an API that fails, or says too much, is an error of another kind', async (context) => {
  const other = { status: GpsStatus.LOC_ERROR_OTHER, km: -1 };
  context.answer = { status: 200, body: 'x'.repeat(2 * 1024 * 1024) };
  assert.equal(await api(context).verify(PLACE, 'tok', never), other);
  context.answer = { status: 200, body: '<html>' };
  assert.equal(await api(context).verify(PLACE, 'tok', never), other);
  assert.equal(await api(context, { url: 'http://127.0.0.1:1/' }).verify(PLACE, 'tok', never), other);
  assert.equal(await api(context, { url: '' }).verify(PLACE, 'tok', never), other);
  assert.equal(await api(context, { tokenServerUrl: 'http://tok/its' }).verify(PLACE, 'tok', never), other);
  assert.is(followUrl('not a url'), undefined);
});

tests('a match engine of that carrier asks it, and wants a token', async (context) => {
  const world = new TestWorld();
  try {
    const flags = ['--carrier', 'gddt', '--locverurl', context.url, '--toksrvurl', TOKEN_SERVER];
    const dme = await world.start(flags);
    const registered = await dme.register(APPS.ever);
    assert.is(registered.tokenServerUri, TOKEN_SERVER);
    context.answer = { status: 200, body: degree('1') };
    const verify = (verifyLocToken: string) =>
      callUnary(dme.client, 'verifyLocation', {
        ...{ ver: 0, sessionCookie: registered.sessionCookie, carrierName: 'any', verifyLocToken },
        gpsLocation: { ...EMPTY_LOC, latitude: 50, longitude: 7 },
      });
    const reply = await verify('tok');
    assert.equal([reply.gpsLocationStatus, reply.gpsLocationAccuracyKm], [GpsStatus.LOC_VERIFIED, 2]);
    await verify('').then(
      () => assert.unreachable(),
      (error: Error) => assert.is(error.message, 'verifyloc token required'),
    );
  } finally {
    await world.stop();
  }
});

tests.run();
