/** A match engine without a controller (match engine spec section 1.4), with the vectors of sections 17.2 and 17.3. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EdgeplaneError, silentLogger } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { FindCloudletRequest } from '@edgeplane/proto/dme/app-client.js';
import { AppApiClient, type AppKey } from '@edgeplane/proto/edgeproto/app.js';
import { AppInstApiClient } from '@edgeplane/proto/edgeproto/app_inst.js';
import { callStream, callUnary, connect } from '@edgeplane/rpc';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseConfig } from './config.js';
import { createDme } from './dme.js';
import { APPS, app, appInst, appKey, CLOUDLETS, type FixtureCloudlet } from './fixtures.js';
import { EMPTY_LOC } from './place.js';
import { TestDme } from './testing.js';

interface Context {
  dir: string;
  dme: TestDme;
  apps: AppApiClient;
  insts: AppInstApiClient;
}

const tests = suite<Context>('standalone');

tests.before(async (context) => {
  context.dir = mkdtempSync(join(tmpdir(), 'dme-'));
  const flags = ['--standalone', '--apiAddr', '127.0.0.1:0', '--httpAddr', '127.0.0.1:0'];
  const config = parseConfig([...flags, '--cookieKeyFile', join(context.dir, 'keys.json')]);
  assert.equal(config.cloudletKey, { operatorKey: { name: 'UFGT Inc.' }, name: 'San Jose Site' });
  const dme = createDme(config, { logger: silentLogger });
  await dme.start();
  context.dme = new TestDme(dme);
  context.apps = connect(AppApiClient, dme.addresses['api'] ?? '');
  context.insts = connect(AppInstApiClient, dme.addresses['api'] ?? '');
});
tests.after(async ({ dir, dme, apps, insts }) => {
  apps.close();
  insts.close();
  await dme.stop();
  rmSync(dir, { recursive: true });
});

const at = (latitude: number, longitude: number) => ({ ...EMPTY_LOC, latitude, longitude });

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of stream) found.push(each);
  return found;
}

async function find({ dme }: Context, key: AppKey, carrierName: string, latitude: number, longitude: number) {
  const request = {
    ...FindCloudletRequest.decode(new Uint8Array()),
    ...{ sessionCookie: await dme.cookie(key), carrierName, gpsLocation: at(latitude, longitude) },
  };
  return (await callUnary(dme.client, 'findCloudlet', request)).fqdn;
}

/** Match engine spec section 17.3. */
const VERIFY: readonly (readonly [AppKey, string, number, number, string])[] = [
  [APPS.untomt, 'GDDT', 50.73, 7.1, '1 2'],
  [APPS.untomt, 'GDDT', 52.65, 12.341, '1 100'],
  [APPS.untomt, 'ATT', 52.65, 10.341, 'NOT_FOUND carrier not found for app: ATT'],
  [APPS.untomt, 'GDDT', 50.75, 7.905, '1 100'],
  [APPS.pillimo, 'GDDT', 52.75, 12.905, '1 100'],
  [APPS.harry, 'GDDT', 50.75, 11.905, '2 -1'],
  [APPS.ever, 'DMUUS', 47.75, 122.905, '1 100'],
];

/** Match engine spec section 17.2: with Untomt on Buckhorn removed. */
const FIND: readonly (readonly [AppKey, string, number, number, string])[] = [
  [APPS.untomt, 'GDDT', 50.65, 6.341, '12.1.12.1'],
  [APPS.untomt, 'GDDT', 51.65, 9.341, '11.1.11.1'],
  [APPS.untomt, 'ATT', 52.65, 10.341, '15.1.15.1'],
  [APPS.untomt, 'GDDT', 50.75, 7.905, '12.1.12.1'],
  [APPS.pillimo, 'GDDT', 52.75, 12.905, '11.1.11.1'],
  [APPS.harry, 'GDDT', 50.75, 11.905, '11.1.11.1'],
  [APPS.ever, 'DMUUS', 47.75, 122.905, '13.1.13.1'],
];

tests('it has the sample Apps, and cookies are wanted', async (context) => {
  const shown = await all(callStream(context.apps, 'showApp', OBJECTS.App.empty()));
  assert.equal(
    shown.map(({ key }) => OBJECTS.App.keyJson(key ?? appKey('', '', ''))).sort(),
    Object.values(APPS)
      .map((key) => OBJECTS.App.keyJson(key))
      .sort(),
  );
  const insts = await all(callStream(context.insts, 'showAppInst', OBJECTS.AppInst.empty()));
  assert.is(insts.length, 25);
  assert.equal(new Set(insts.map(({ uri }) => uri)), new Set(CLOUDLETS.map(({ uri }) => uri)));
  const empty = FindCloudletRequest.decode(new Uint8Array());
  await callUnary(context.dme.client, 'findCloudlet', empty).then(
    () => assert.unreachable(),
    (error: EdgeplaneError) => assert.is(error.message, 'VerifyCookie failed: missing cookie'),
  );
});

tests('positions are verified as in the vectors', async ({ dme }) => {
  for (const [key, carrierName, latitude, longitude, expected] of VERIFY) {
    const sessionCookie = await dme.cookie(key);
    const request = {
      ver: 0,
      sessionCookie,
      carrierName,
      gpsLocation: at(latitude, longitude),
      verifyLocToken: '',
    };
    const outcome = await callUnary(dme.client, 'verifyLocation', request).then(
      (reply) => `${reply.gpsLocationStatus} ${reply.gpsLocationAccuracyKm}`,
      (error: EdgeplaneError) => `${error.status} ${error.message}`,
    );
    assert.is(outcome, expected, `${key.name} ${latitude}`);
  }
});

tests('instances can be deleted, created and moved; then the vectors hold', async (context) => {
  const buckhorn = CLOUDLETS[0] as FixtureCloudlet;
  const inst = appInst(APPS.untomt, buckhorn);
  const call = (method: 'createAppInst' | 'updateAppInst' | 'deleteAppInst', of: typeof inst) =>
    all(callStream(context.insts, method, of));
  assert.equal(await call('deleteAppInst', inst), []);
  for (const [key, carrier, latitude, longitude, fqdn] of FIND)
    assert.is(await find(context, key, carrier, latitude, longitude), fqdn, `${key.name} ${latitude}`);
  assert.equal(await call('createAppInst', inst), []);
  assert.is(await find(context, APPS.untomt, 'GDDT', 50.65, 6.341), '10.1.10.1');
  assert.equal(await call('updateAppInst', { ...inst, uri: 'moved' }), []);
  assert.is(await find(context, APPS.untomt, 'GDDT', 50.65, 6.341), 'moved');
  assert.is((await all(callStream(context.insts, 'showAppInst', OBJECTS.AppInst.empty()))).length, 25);
});

tests('Apps too, over REST as well', async ({ dme, apps }) => {
  const key = appKey('me', 'mine', '1');
  assert.equal(await callUnary(apps, 'createApp', app(key)), { message: '', code: 0 });
  assert.ok(await dme.cookie(key));
  await callUnary(apps, 'deleteApp', app(key));
  await dme.cookie(key).then(
    () => assert.unreachable(),
    (error: EdgeplaneError) => assert.is(error.message, 'app not found'),
  );
  const body = { key: { developer_key: { name: 'me' }, name: 'mine', version: '1' } };
  assert.is((await dme.http('/create/app', body)).status, 200);
  assert.ok(await dme.cookie(key));
});

tests.run();
