import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EdgeplaneError, silentLogger, sleep, systemClock } from '@edgeplane/base';
import { NotifyServer, ObjectTable } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import {
  FindCloudletRequest,
  FindCloudletReply_FindStatus as FindStatus,
  VerifyLocationReply_GPSLocationStatus as GpsStatus,
  MatchEngineApiClient,
  RegisterClientRequest,
} from '@edgeplane/proto/dme/app-client.js';
import type { App, AppKey } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst, AppInstKey } from '@edgeplane/proto/edgeproto/app_inst.js';
import { type Node, type NodeKey, NodeType } from '@edgeplane/proto/edgeproto/node.js';
import { callUnary, connect } from '@edgeplane/rpc';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseConfig } from './config.js';
import { createDme, type Dme } from './dme.js';
import { APPS, app, appInst, appKey, CLOUDLETS } from './fixtures.js';
import { EMPTY_LOC } from './place.js';

const PLATFORM = appKey('platos', 'PlatosEnablingLayer', '9');
const OPEN = appKey('dev', 'open', '1');

interface World {
  dir: string;
  apps: ObjectTable<App, AppKey>;
  insts: ObjectTable<AppInst, AppInstKey>;
  nodes: ObjectTable<Node, NodeKey>;
  controller: NotifyServer;
  notify: string;
  dme: Dme;
  client: MatchEngineApiClient;
}

const CLOUDLET_KEY = '{"operator_key":{"name":"op"},"name":"home"}';

function controllerOf(world: Pick<World, 'apps' | 'insts' | 'nodes'>): NotifyServer {
  return new NotifyServer({
    sources: [world.apps, world.insts],
    receivers: [world.nodes],
    messageReceivers: [],
    logger: silentLogger,
    clock: systemClock,
  });
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (condition()) return;
    await sleep(systemClock, 10);
  }
  throw new Error(`never: ${what}`);
}

const world = suite<World>('match engine');

world.before(async (w) => {
  w.dir = mkdtempSync(join(tmpdir(), 'dme-'));
  w.apps = new ObjectTable(OBJECTS.App);
  w.insts = new ObjectTable(OBJECTS.AppInst);
  w.nodes = new ObjectTable(OBJECTS.Node);
  for (const key of Object.values(APPS)) {
    w.apps.put(app(key));
    for (const cloudlet of CLOUDLETS) w.insts.put(appInst(key, cloudlet));
  }
  w.apps.put(app(PLATFORM));
  w.apps.put(app(OPEN, { permitsPlatformApps: true, androidPackageName: 'a.b.c' }));
  for (const cloudlet of CLOUDLETS) w.insts.put(appInst(OPEN, { ...cloudlet, uri: `x-${cloudlet.uri},y` }));
  w.controller = controllerOf(w);
  w.notify = await w.controller.listen('127.0.0.1:0');
  const flags = [
    ...['--notifyAddrs', w.notify, '-apiAddr', '127.0.0.1:0', '--scaleID=dme-1', '--toksrvurl', 'http://tok'],
    ...['--cloudlet-key', CLOUDLET_KEY, '--cookie-key-file', join(w.dir, 'keys.json')],
    ...['--state-dir', join(w.dir, 'tables')],
    ...['--httpAddr', '127.0.0.1:0', '--vaultAddr', 'http://nowhere', '--statsInterval', '5'],
  ];
  w.dme = createDme(parseConfig(flags), { logger: silentLogger });
  await w.dme.start();
  await until('synced', () => w.dme.notifyState === 'synced');
  w.client = connect(MatchEngineApiClient, w.dme.addresses['api'] ?? '');
});

world.after(async (w) => {
  w.client.close();
  await w.dme.stop();
  await w.controller.stop();
  rmSync(w.dir, { recursive: true });
});

async function register({ client }: World, key: AppKey, more: Partial<RegisterClientRequest> = {}) {
  return callUnary(client, 'registerClient', {
    ...RegisterClientRequest.decode(new Uint8Array()),
    devName: key.developerKey?.name ?? '',
    appName: key.name,
    appVers: key.version,
    ...more,
  });
}

const gps = (latitude: number, longitude: number) => ({ ...EMPTY_LOC, latitude, longitude });

function find({ client }: World, sessionCookie: string, more: Partial<FindCloudletRequest>) {
  const empty = FindCloudletRequest.decode(new Uint8Array());
  return callUnary(client, 'findCloudlet', { ...empty, sessionCookie, carrierName: 'GDDT', ...more });
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'accepted';
  } catch (error) {
    return `${(error as EdgeplaneError).status} ${(error as Error).message}`;
  }
}

world('its node is known to the controller', async (w) => {
  await until('node', () => w.nodes.size === 1);
  const [node] = [...w.nodes.values()];
  assert.equal(node?.key, {
    name: 'dme-1',
    nodeType: NodeType.NODE_DME,
    cloudletKey: { operatorKey: { name: 'op' }, name: 'home' },
  });
});

world('a client registers and is sent to the nearest instance', async (w) => {
  const registered = await register(w, APPS.untomt);
  assert.is(registered.status, 1);
  assert.is(registered.tokenServerUri, 'http://tok');
  const reply = await find(w, registered.sessionCookie, { gpsLocation: gps(50.65, 6.341) });
  assert.is(reply.status, FindStatus.FIND_FOUND);
  assert.is(reply.fqdn, '10.1.10.1');
  assert.is(reply.ports[0]?.publicPort, 8080);
  assert.is(reply.cloudletLocation?.latitude, 50.7374);
});

world('refusals of RegisterClient, in order', async (w) => {
  const none = { devName: '', appName: '', appVers: '' };
  const cases: readonly (readonly [Partial<RegisterClientRequest>, string])[] = [
    [none, 'INVALID_ARGUMENT DevName cannot be empty'],
    [{ ...none, devName: 'd' }, 'INVALID_ARGUMENT AppName cannot be empty'],
    [{ appVers: '' }, 'INVALID_ARGUMENT AppVers cannot be empty'],
    [{ appVers: '7' }, 'NOT_FOUND app not found'],
    [{ authToken: 'a.b.c' }, 'UNAUTHENTICATED No authkey found to validate token'],
  ];
  for (const [more, expected] of cases) assert.is(await refusal(register(w, APPS.ever, more)), expected);
});

world('refusals of FindCloudlet, in order', async (w) => {
  const { sessionCookie } = await register(w, APPS.ever);
  const at = { gpsLocation: gps(1, 1) };
  const denied =
    'PERMISSION_DENIED Access to requested app: Devname: dev Appname: open AppVers: 1 not allowed for the registered app: Devname: Ever.AI Appname: Ever Appvers: 1.7';
  const cases: readonly (readonly [string, Partial<FindCloudletRequest>, string])[] = [
    ['', {}, 'UNAUTHENTICATED VerifyCookie failed: missing cookie'],
    ['x', {}, 'UNAUTHENTICATED token contains an invalid number of segments'],
    [sessionCookie, { carrierName: '' }, 'INVALID_ARGUMENT Missing carrierName'],
    [sessionCookie, {}, 'INVALID_ARGUMENT Missing GpsLocation'],
    [sessionCookie, { gpsLocation: gps(0, 0) }, 'INVALID_ARGUMENT Missing GpsLocation'],
    [sessionCookie, { gpsLocation: gps(90.5, 0) }, 'INVALID_ARGUMENT Invalid GpsLocation'],
    [sessionCookie, { gpsLocation: gps(Number.NaN, 0) }, 'INVALID_ARGUMENT Invalid GpsLocation'],
    [sessionCookie, { ...at, devName: 'dev', appName: 'open', appVers: '1' }, denied],
    [sessionCookie, { ...at, devName: 'Ever.AI', appName: 'Ever', appVers: '1.7' }, 'accepted'],
  ];
  for (const [cookie, more, expected] of cases) assert.is(await refusal(find(w, cookie, more)), expected);
});

world('a platform app asks for Apps that permit it, never for itself', async (w) => {
  const { sessionCookie } = await register(w, PLATFORM);
  const at = { gpsLocation: gps(50.65, 6.341) };
  assert.is((await find(w, sessionCookie, at)).status, FindStatus.FIND_NOTFOUND);
  assert.ok((await find(w, sessionCookie, at)).cloudletLocation);
  const open = await find(w, sessionCookie, { ...at, devName: 'dev', appName: 'open', appVers: '1' });
  assert.is(open.fqdn, 'x-10.1.10.1,y');
  const closed = { ...at, devName: 'Untomt', appName: 'Untomt', appVers: '1.1' };
  assert.match(await refusal(find(w, sessionCookie, closed)), /^PERMISSION_DENIED/);
  const list = await callUnary(w.client, 'getFqdnList', { ver: 0, sessionCookie });
  assert.equal(list.appFqdns, [
    {
      appName: 'open',
      appVers: '1',
      devName: 'dev',
      fqdns: ['x-15.1.15.1', 'y'],
      androidPackageName: 'a.b.c',
    },
  ]);
  const other = await register(w, APPS.ever);
  assert.is(
    await refusal(callUnary(w.client, 'getFqdnList', { ver: 0, sessionCookie: other.sessionCookie })),
    'PERMISSION_DENIED API Not allowed for developer: Ever.AI app: Ever',
  );
});

/** Match engine spec section 17.3. */
const VERIFY: readonly (readonly [AppKey, string, number, number, GpsStatus, number])[] = [
  [APPS.untomt, 'GDDT', 50.73, 7.1, GpsStatus.LOC_VERIFIED, 2],
  [APPS.untomt, 'GDDT', 52.65, 12.341, GpsStatus.LOC_VERIFIED, 100],
  [APPS.untomt, 'GDDT', 50.75, 7.905, GpsStatus.LOC_VERIFIED, 100],
  [APPS.pillimo, 'GDDT', 52.75, 12.905, GpsStatus.LOC_VERIFIED, 100],
  [APPS.harry, 'GDDT', 50.75, 11.905, GpsStatus.LOC_MISMATCH_SAME_COUNTRY, -1],
  [APPS.ever, 'DMUUS', 47.75, 122.905, GpsStatus.LOC_VERIFIED, 100],
];

world('positions are verified by distance', async (w) => {
  const verify = async (
    key: AppKey,
    carrierName: string,
    gpsLocation: ReturnType<typeof gps> | undefined,
  ) => {
    const { sessionCookie } = await register(w, key);
    const request = { ver: 0, sessionCookie, carrierName, gpsLocation, verifyLocToken: '' };
    return callUnary(w.client, 'verifyLocation', request);
  };
  for (const [key, carrier, latitude, longitude, status, km] of VERIFY) {
    const reply = await verify(key, carrier, gps(latitude, longitude));
    assert.equal(
      [reply.gpsLocationStatus, reply.gpsLocationAccuracyKm],
      [status, km],
      `${key.name} ${latitude}`,
    );
  }
  assert.is(
    await refusal(verify(APPS.untomt, 'ATT', gps(52.65, 10.341))),
    'NOT_FOUND carrier not found for app: ATT',
  );
  assert.is(await refusal(verify(APPS.untomt, 'GDDT', undefined)), 'INVALID_ARGUMENT Missing GPS location');
});

world('the list of instances has every cloudlet but the default one, nearest first', async (w) => {
  const { sessionCookie } = await register(w, APPS.untomt);
  const list = async (carrierName: string) =>
    (
      await callUnary(w.client, 'getAppInstList', {
        ver: 0,
        sessionCookie,
        carrierName,
        gpsLocation: gps(50, 7),
      })
    ).cloudlets;
  assert.equal(
    (await list('')).map((c) => c.cloudletName),
    ['Buckhorn', 'Beacon', 'Sunnydale', 'San Francisco'],
  );
  const [first] = await list('GDDT');
  assert.is((await list('GDDT')).length, 3);
  assert.equal(
    first?.appinstances.map((i) => i.fqdn),
    ['10.1.10.1'],
  );
  assert.is(Math.round(first?.distance ?? 0), 82);
});

world('the position of a client is not known: found, and empty', async (w) => {
  const { sessionCookie } = await register(w, APPS.ever);
  const locate = (cookie: string) =>
    callUnary(w.client, 'getLocation', { ver: 0, sessionCookie: cookie, carrierName: 'x' });
  const expected = { ver: 0, status: 1, carrierName: 'x', tower: 0n, networkLocation: EMPTY_LOC };
  assert.equal(await locate(sessionCookie), expected);
  assert.match(await refusal(locate('')), /^UNAUTHENTICATED/);
});

world('changes reach it, also those made while it was disconnected', async (w) => {
  const { sessionCookie } = await register(w, APPS.untomt);
  const fqdn = async () => (await find(w, sessionCookie, { gpsLocation: gps(50.73, 7.1) })).fqdn;
  const remove = (index: number) => {
    const cloudlet = CLOUDLETS[index];
    if (cloudlet) w.insts.delete(OBJECTS.AppInst.key(appInst(APPS.untomt, cloudlet)));
  };
  const eventually = async (expected: string) => {
    for (let i = 0; (await fqdn()) !== expected; i++) {
      if (i > 500) throw new Error(`never ${expected}`);
      await sleep(systemClock, 10);
    }
  };
  assert.is(await fqdn(), '10.1.10.1');
  remove(0);
  await eventually('12.1.12.1');
  await w.controller.stop();
  await until('disconnected', () => w.dme.notifyState === 'disconnected');
  assert.is(await fqdn(), '12.1.12.1');
  remove(2);
  w.controller = controllerOf(w);
  await w.controller.listen(w.notify);
  await eventually('11.1.11.1');
});

world('a cookie outlives a restart with the same key file', async (w) => {
  const { sessionCookie } = await register(w, APPS.ever);
  const path = join(w.dir, 'keys.json');
  assert.ok(existsSync(path));
  const second = createDme(
    parseConfig([
      ...['--notifyAddrs', '127.0.0.1:1', '--apiAddr', '127.0.0.1:0', '--cloudletKey', CLOUDLET_KEY],
      ...['--cookieKeyFile', path],
    ]),
    { logger: silentLogger },
  );
  await second.start();
  const client = connect(MatchEngineApiClient, second.addresses['api'] ?? '');
  try {
    const reply = await find({ ...w, client }, sessionCookie, { gpsLocation: gps(1, 1) });
    assert.is(reply.status, FindStatus.FIND_NOTFOUND);
  } finally {
    client.close();
    await second.stop();
    await second.stop();
  }
});

world.run();

const flags = suite('command line');

flags('a bad one is refused with the flag and the rule', () => {
  const key = ['--cloudletKey', CLOUDLET_KEY];
  const cases: readonly (readonly [string[], RegExp])[] = [
    [[], /--cloudlet-key is required/],
    [['--cloudletKey', '{"operator_key":'], /--cloudlet-key/],
    [['--cloudletKey', '{"name":"x"}'], /Invalid operator name/],
    [['--cloudletKey', 'operatorkey: {name: o}\nname: c\nnmae: d'], /nmae: no such field/],
    [[...key, '--standalone', '--cookieKeys', 'controller'], /--cookie-keys: must be file or vault/],
    [[...key, '--cookieKeys', 'controller'], /--cookie-keys: controller needs --tls/],
    [[...key, '--notifyAddrs', ' , '], /--notify-addrs/],
    [[...key, '--apiAddr', 'here'], /"here"/],
    [[...key, '--cookieExpiration', 'soon'], /--cookie-expiration/],
    [[...key, '--cookieExpiration', '10ms'], /--cookie-expiration: must be at least 1s/],
    [[...key, '--nosuch'], /unknown flag --nosuch/],
  ];
  for (const [argv, pattern] of cases) {
    assert.throws(
      () => parseConfig(argv),
      (error: EdgeplaneError) => error.status === 'INVALID_ARGUMENT' && pattern.test(error.message),
      `${argv.join(' ')} was not refused as ${pattern}`,
    );
  }
});

flags('the key may be YAML with squashed names', () => {
  const { cloudletKey, apiAddr } = parseConfig(['--cloudletKey', 'operatorkey: {name: o}\nname: c']);
  assert.equal(cloudletKey, { operatorKey: { name: 'o' }, name: 'c' });
  assert.is(apiAddr, '127.0.0.1:50051');
});

flags.run();
