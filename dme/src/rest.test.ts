/** The REST API of a match engine (match engine spec section 5), over bare HTTP. */
import { type EdgeplaneError, STATUS_NAMES } from '@edgeplane/base';
import { routesOf } from '@edgeplane/gateway';
import { type MessageSchema, toPlain } from '@edgeplane/objects';
import { anyMessage } from '@edgeplane/objects/arbitrary';
import { MatchEngineApiService } from '@edgeplane/proto/dme/app-client.js';
import { callUnaryMethod } from '@edgeplane/rpc';
import * as fc from 'fast-check';
import { decodeJwt } from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { APPS } from './fixtures.js';
import { OPEN, PLATFORM, type TestDme, TestWorld } from './testing.js';

interface Context {
  world: TestWorld;
  dme: TestDme;
}

const rest = suite<Context>('rest');

rest.before(async (context) => {
  context.world = new TestWorld();
  context.dme = await context.world.start(['--toksrvurl', 'http://tok']);
});
rest.after((context) => context.world.stop());

const ROUTES = routesOf([MatchEngineApiService]).filter(({ method }) => !method.responseStream);
const STATUS: Readonly<Record<number, number>> = { 3: 400, 5: 404, 7: 403, 13: 500, 16: 401 };

rest('the paths are those of the spec', () => {
  const paths = ROUTES.map(({ path }) => path);
  for (const name of ['registerclient', 'findcloudlet', 'verifylocation', 'getlocation', 'addusertogroup'])
    assert.ok(paths.includes(`/v1/${name}`), name);
  for (const name of ['getappinstlist', 'getfqdnlist']) assert.ok(paths.includes(`/v1/${name}`), name);
});

rest('an answer has every member, proto names, and one space of indent', async ({ dme }) => {
  const registered = await dme.http('/v1/registerclient', {
    devName: 'Untomt',
    app_name: 'no',
    appName: 'Untomt',
    app_vers: '1.1',
    whatever: 1,
  });
  assert.is(registered.status, 200);
  assert.is(registered.headers['content-type'], 'application/json');
  const { session_cookie: cookie } = JSON.parse(registered.body) as { session_cookie: string };
  assert.is(
    registered.body,
    `{\n "ver": 0,\n "status": "RS_SUCCESS",\n "session_cookie": "${cookie}",\n "token_server_uri": "http://tok"\n}`,
  );
  const claim = decodeJwt(cookie)['key'] as { peerip?: string };
  assert.is(claim.peerip, '127.0.0.1');
  const request = {
    session_cookie: cookie,
    carrier_name: 'DMUUS',
    gps_location: { latitude: 47, longitude: 122 },
  };
  const found = await dme.http('/v1/findcloudlet', request);
  assert.match(
    found.body,
    `"status": "FIND_FOUND",\n "fqdn": "13.1.13.1",\n "ports": [\n  {\n   "proto": "L_PROTO_TCP"`,
  );
  assert.match(found.body, '"timestamp": null');
  assert.not.match(found.body, 'candidates');
  const camel = await dme.http('/v1/findcloudlet?enums=camel', request);
  assert.match(
    camel.body,
    `"status": "FindFound",\n "fqdn": "13.1.13.1",\n "ports": [\n  {\n   "proto": "LProtoTcp"`,
  );
  const none = await dme.http('/v1/getappinstlist', { ...request, carrier_name: 'none', gps_location: {} });
  assert.match(none.body, '"status": "AI_SUCCESS",\n "cloudlets": [\n ]');
});

rest('an IPv6 caller registers, and its cookie names it', async ({ world }) => {
  const dme = await world.start(['--httpAddr', '[::1]:0', '--apiAddr', '[::1]:0', '--stateDir', '']);
  const names = { dev_name: 'Untomt', app_name: 'Untomt', app_vers: '1.1' };
  for (const cookie of [
    (JSON.parse((await dme.http('/v1/registerclient', names)).body) as { session_cookie: string })
      .session_cookie,
    await dme.cookie(APPS.untomt),
  ])
    assert.is((decodeJwt(cookie)['key'] as { peerip?: string }).peerip, '::1');
});

rest('refusals: the status of the code, and an object with it', async ({ dme }) => {
  const body = (code: number, message: string) =>
    `{\n "code": ${code},\n "message": "${message}",\n "details": [\n ]\n}`;
  const cases: readonly (readonly [string, unknown, string, number, string])[] = [
    ['/v1/findcloudlet', {}, 'POST', 401, body(16, 'VerifyCookie failed: missing cookie')],
    ['/v1/registerclient', '', 'POST', 400, body(3, 'DevName cannot be empty')],
    ['/v1/registerclient', '', 'GET', 501, body(12, 'Method Not Allowed')],
    ['/v1/registerclient', {}, 'PUT', 501, body(12, 'Method Not Allowed')],
    ['/v1/nosuch', {}, 'POST', 501, body(12, 'Not Implemented')],
  ];
  for (const [path, request, method, status, expected] of cases) {
    const answer = await dme.http(path, request, method);
    assert.equal([answer.status, answer.body], [status, expected], path);
  }
  const bad = ['{"dev_name":', '[]', '{"dev_name":7}'];
  for (const text of bad) {
    const answer = await dme.http('/v1/registerclient', text);
    assert.equal([answer.status, (JSON.parse(answer.body) as { code: number }).code], [400, 3], text);
  }
  const group = await dme.http('/v1/addusertogroup', { comm_type: 'DLG_NONE' });
  assert.equal([group.status, (JSON.parse(group.body) as { code: number }).code], [400, 3]);
  const large = await dme.http('/v1/registerclient', { dev_name: 'x'.repeat(70_000) });
  assert.is(large.status, 400);
  assert.match(large.body, 'more than 65536 bytes');
});

/** What differs between two answers to the same request. */
const OF_THE_MOMENT = new Set(['session_cookie', 'group_cookie']);

function plain(schema: MessageSchema, message: unknown): unknown {
  const value = toPlain(schema, message, {
    ...{ enums: 'proto', defaults: true, defaultsBelow: 100, longsAsText: true },
  });
  return without(value);
}

function without(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (name, each: unknown) =>
      OF_THE_MOMENT.has(name) && each !== '' ? 'cookie' : each,
    ),
  );
}

rest('REST and gRPC agree: every method, any request', async ({ dme }) => {
  const apps = [APPS.untomt, APPS.ever, OPEN, PLATFORM];
  const cookies = await Promise.all(apps.map((key) => dme.cookie(key)));
  for (const route of ROUTES) {
    const noise = anyMessage(route.request);
    const gps = fc.record({
      latitude: fc.constantFrom(0, 50.7, -91, 12.25),
      longitude: fc.constantFrom(0, 7.1, 181, -70.5),
    });
    const sensible = fc
      .tuple(
        noise,
        fc.constantFrom(...apps),
        fc.constantFrom(...cookies),
        fc.constantFrom('GDDT', 'x', ''),
        gps,
      )
      .map(([message, key, sessionCookie, carrierName, gpsLocation]) => ({
        ...message,
        sessionCookie,
        carrierName,
        ...('gpsLocation' in message && {
          gpsLocation: { ...(message['gpsLocation'] ?? {}), ...gpsLocation },
        }),
        ...('devName' in message && {
          devName: key.developerKey?.name ?? '',
          appName: key.name,
          appVers: key.version,
        }),
      }));
    await fc.assert(
      fc.asyncProperty(fc.oneof(noise, sensible, sensible), async (message) => {
        const request = route.call.requestDeserialize(route.call.requestSerialize(message));
        const expected = await callUnaryMethod(dme.client, route.call, request).then(
          (reply) => ({ status: 200, body: plain(route.response, reply) }),
          (error: EdgeplaneError) => {
            const code = STATUS_NAMES.indexOf(error.status);
            return { status: STATUS[code], body: { code, message: error.message, details: [] } };
          },
        );
        const text = JSON.stringify(
          toPlain(route.request, request, { enums: 'proto', defaults: true, longsAsText: true }),
        );
        const answer = await dme.http(route.path, text);
        assert.equal({ status: answer.status, body: without(JSON.parse(answer.body)) }, expected, route.path);
      }),
      { numRuns: 40 },
    );
  }
});

rest.run();
