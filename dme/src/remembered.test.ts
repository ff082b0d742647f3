// test: timeout=120s
/** A match engine that is started anew without a controller, and what it does when one is back. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLogger, silentLogger, systemClock, systemRandom } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { FindCloudletRequest } from '@edgeplane/proto/dme/app-client.js';
import { callUnary } from '@edgeplane/rpc';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseConfig } from './config.js';
import { createDme, type Dme } from './dme.js';
import { APPS, app, appInst, CLOUDLETS } from './fixtures.js';
import { EMPTY_LOC } from './place.js';
import { remember } from './remembered.js';
import { AppTable } from './tables.js';
import { CLOUDLET_KEY, TestDme, TestWorld, until } from './testing.js';

const test = suite<{ world: TestWorld; started: Dme[] }>('restart');
test.before.each((t) => {
  t.world = new TestWorld();
  t.started = [];
});
test.after.each(async (t) => {
  await Promise.all(t.started.map((dme) => dme.stop()));
  await t.world.stop();
});

/** One that has no controller. */
async function alone(t: { world: TestWorld; started: Dme[] }, stateDir: string): Promise<TestDme> {
  const argv = [
    ...['--notifyAddrs', '127.0.0.1:1', '--apiAddr', '127.0.0.1:0', '--httpAddr', ''],
    ...['--cloudletKey', CLOUDLET_KEY, '--cookie-key-file', join(t.world.dir, 'keys.json')],
    ...['--state-dir', stateDir],
  ];
  const dme = createDme(parseConfig(argv), { logger: silentLogger });
  t.started.push(dme);
  await dme.start();
  return new TestDme(dme);
}

async function found(one: TestDme, cookie: string): Promise<string> {
  const gpsLocation = { ...EMPTY_LOC, latitude: 50.65, longitude: 6.341 };
  const request = FindCloudletRequest.create({ sessionCookie: cookie, carrierName: 'GDDT', gpsLocation });
  return (await callUnary(one.client, 'findCloudlet', request)).fqdn;
}

test('clients are answered at once after a restart without a controller, and what changed meanwhile is taken up', async (t) => {
  const { world } = t;
  const dir = join(world.dir, 'tables');
  const first = await world.start(['--state-dir', dir]);
  const cookie = await first.cookie(APPS.untomt);
  assert.is(await found(first, cookie), '10.1.10.1');
  await first.stop();

  const second = await alone(t, dir);
  assert.is(await found(second, cookie), '10.1.10.1', 'a cookie of before');
  assert.is(await found(second, await second.cookie(APPS.ever)), '10.1.10.1', 'a new one');
  second.client.close();
  await second.dme.stop();

  const [buckhorn] = CLOUDLETS;
  if (!buckhorn) throw new RangeError('no cloudlet');
  world.insts.deleteKeyJson(OBJECTS.AppInst.keyJsonOf(appInst(APPS.untomt, buckhorn)));
  world.apps.deleteKeyJson(OBJECTS.App.keyJson(APPS.empty));
  world.apps.put(app(APPS.ever, { authPublicKey: 'key' }));
  const lines: string[] = [];
  const logger = createLogger({
    name: 'test',
    level: 'debug',
    destination: { write: (line) => void lines.push(line) },
  });
  const third = await world.start(['--state-dir', dir], { logger });
  assert.is(await found(third, cookie), '12.1.12.1');
  assert.match(await third.cookie(APPS.ever).catch((e: Error) => e.message), 'No authtoken received');
  assert.match(await third.cookie(APPS.empty).catch((e: Error) => e.message), 'app not found');
  const told = lines.map((line) => JSON.parse(line).msg as string);
  assert.equal(
    ['App', 'AppInst', 'App gone', 'AppInst gone'].map((msg) => told.filter((m) => m === msg).length),
    [1, 0, 1, 1],
    'only what differs is sent',
  );
});

test('of two with one folder the first keeps its tables there, and both work', async (t) => {
  const dir = join(t.world.dir, 'tables');
  const first = await t.world.start(['--state-dir', dir]);
  const lines: string[] = [];
  const logger = createLogger({ name: 'test', destination: { write: (line) => void lines.push(line) } });
  const second = await t.world.start(['--state-dir', dir], { logger });
  assert.match(lines.join(''), 'another match engine keeps its own there');
  for (const one of [first, second]) assert.is(await found(one, await one.cookie(APPS.untomt)), '10.1.10.1');
  const log = join(dir, 'objects.log');
  await until('kept', () => existsSync(log) && readFileSync(log, 'utf8').includes('Pillimo'));
});

test('a folder that cannot be used, and one with a log that is none, are no reason not to start', async (t) => {
  const file = join(t.world.dir, 'file');
  writeFileSync(file, '');
  const one = await t.world.start(['--state-dir', join(file, 'below')]);
  assert.is(await found(one, await one.cookie(APPS.untomt)), '10.1.10.1');
  const broken = join(t.world.dir, 'broken');
  mkdirSync(broken);
  writeFileSync(join(broken, 'objects.log'), 'what is this?');
  const none = await alone(t, broken);
  assert.match(await none.cookie(APPS.untomt).catch((e: Error) => e.message), 'app not found');
  none.client.close();
});

/** A table that nothing can be taken up into. */
class BrokenTable extends AppTable {
  override get appCount(): number {
    throw new Error('it cannot be filled');
  }
}

test('a table that could not be filled keeps nobody from trying again', async (t) => {
  const config = parseConfig(['--cloudletKey', CLOUDLET_KEY, '--state-dir', join(t.world.dir, 'tables')]);
  const parts = { clock: systemClock, random: systemRandom, logger: silentLogger };
  const failed = await remember(config, new BrokenTable(), parts).catch((error: Error) => error.message);
  assert.is(failed, 'it cannot be filled');
  const again = await remember(config, new AppTable(), parts);
  assert.ok(again, 'the folder was let go of');
  await again?.stop();
});

test.run();
