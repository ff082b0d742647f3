// test: timeout=120s
/** What a reconnect costs, and that it ends right, over connections that are cut at any moment. */
import { silentLogger } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NotifyClient, type NotifyClientOptions } from '../client.js';
import { NotifyServer } from '../server.js';
import type { NotifyServerOptions } from '../server-options.js';
import { controllerTables, make, table, until } from '../testing.js';
import { TestLink } from '../testing-link.js';

type Tables = ReturnType<typeof controllerTables>;
const list = (tables: Tables) => Object.values(tables) as never;

function startServer(link: TestLink, options: Partial<NotifyServerOptions>): NotifyServer {
  const given = { sources: [], receivers: [], messageReceivers: [], logger: silentLogger, maxVersion: 2 };
  const server = new NotifyServer({ ...given, ...options });
  link.server = server;
  return server;
}

function startClient(link: TestLink, options: Partial<NotifyClientOptions>): NotifyClient {
  const client = new NotifyClient({
    addrs: ['test:1'],
    filterCloudletKey: false,
    sources: [],
    receivers: [],
    messageReceivers: [],
    logger: silentLogger,
    dial: link.dial,
    maxVersion: 2,
    // Reconnects at once.
    random: { next: () => 0 },
    ...options,
  });
  client.start();
  return client;
}

/** Cuts the connection and waits until everything is in step again. */
async function reconnect(link: TestLink, client: NotifyClient): Promise<void> {
  const { dialled } = link;
  link.cut();
  await until(() => link.dialled > dialled, 'the client comes back');
  await client.when('synced');
}

const COUNT = 2000;

test('an unchanged client gets nothing; one that missed ten changes gets ten; a new one everything', async () => {
  const truth = controllerTables();
  for (let i = 0; i < COUNT; i++) truth.flavor.put(make.flavor(`flavor-${i}`));
  const link = new TestLink();
  const time = { lineage: 'store' };
  let server = startServer(link, { sources: list(truth), time });
  const all = controllerTables();
  const client = startClient(link, { receivers: list(all) });
  await client.when('synced');
  assert.is(all.flavor.size, COUNT);
  assert.is(client.counters.changesReceived, COUNT);

  await reconnect(link, client);
  assert.is(client.counters.changesReceived, COUNT, 'nothing was sent again');
  const bytes = (frames: readonly Buffer[]) => frames.reduce((sum, frame) => sum + frame.length, 0);
  assert.ok(bytes(link.last.up) + bytes(link.last.down) < 2000, 'unchanged: under 2 kB');

  const none = link.server;
  link.server = undefined;
  link.cut();
  await until(() => client.state === 'disconnected');
  for (let i = 0; i < 7; i++) truth.flavor.put(make.flavor(`flavor-${i}`, 99n));
  for (let i = 7; i < 10; i++) truth.flavor.delete({ name: `flavor-${i}` });
  link.server = none;
  await client.when('synced');
  assert.is(client.counters.changesReceived, COUNT + 10);
  assert.is(client.counters.repairs, 0, 'revisions and tombstones told all');
  assert.is(all.flavor.size, COUNT - 3);

  // A server of the same store that does not know what was deleted before it started.
  await server.stop();
  link.server = undefined;
  for (let i = 10; i < 15; i++) truth.flavor.delete({ name: `flavor-${i}` });
  server = startServer(link, { sources: list(truth), time });
  await client.when('synced');
  assert.is(all.flavor.size, COUNT - 8);
  assert.is(client.counters.repairs, 1, 'buckets told the rest');
  assert.ok(client.counters.changesReceived < COUNT + 10 + 150, `${client.counters.changesReceived}`);
  await client.stop();
  await server.stop();
});

test('a server of another store, or behind the one before, is followed whatever its revisions', async () => {
  const first = controllerTables();
  for (let i = 0; i < 50; i++) first.flavor.put(make.flavor(`flavor-${i}`, BigInt(i)));
  const link = new TestLink();
  let server = startServer(link, { sources: list(first), time: { lineage: 'store' } });
  const all = controllerTables();
  const client = startClient(link, { receivers: list(all) });
  await client.when('synced');
  await server.stop();
  // As restored from a backup: the same lineage, lower revisions, another content.
  const restored = controllerTables();
  for (let i = 0; i < 20; i++) restored.flavor.put(make.flavor(`flavor-${i}`, 7n));
  server = startServer(link, { sources: list(restored), time: { lineage: 'store' } });
  await client.when('synced');
  await until(() => all.flavor.size === 20);
  assert.ok([...all.flavor.values()].every(({ ram }) => ram === 7n));
  assert.is(client.counters.lateChanges, 0);
  await client.stop();
  await server.stop();
});

test('a server that is behind refuses who knows more, until it has caught up', async () => {
  const [ahead, behind] = [controllerTables(), controllerTables()];
  for (const { flavor } of [ahead, behind]) flavor.put(make.flavor('old'));
  ahead.flavor.put(make.flavor('new'));
  const link = new TestLink();
  const all = controllerTables();
  let server = startServer(link, { sources: list(ahead), time: { lineage: 'store' } });
  const lines: string[] = [];
  const note = (members: unknown) => lines.push(JSON.stringify(members));
  const logger = Object.assign(Object.create(silentLogger), { warn: note, child: () => logger });
  const client = startClient(link, { receivers: list(all), logger });
  await client.when('synced');
  await server.stop();
  server = startServer(link, {
    sources: list(behind),
    time: {
      lineage: 'store',
      catchUp: async (revision) => (behind.flavor.revision() < revision ? 'behind' : 'reached'),
    },
  });
  await until(() => lines.some((line) => line.includes('has not reached revision 2')), 'refused');
  assert.equal([...all.flavor.keys()].length, 2, 'it keeps what it has');
  behind.flavor.put(make.flavor('new'));
  await client.when('synced');
  assert.is(all.flavor.size, 2);
  await client.stop();
  await server.stop();
});

test('a client of a site changes its scope, and gets and drops what belongs to it', async () => {
  const truth = controllerTables();
  truth.app.put(make.app('a'));
  truth.app.put(make.app('b'));
  truth.app.put(make.app('c'));
  for (const [app, site] of [
    ['a', 'x'],
    ['b', 'x'],
    ['b', 'y'],
  ] as const)
    truth.appInst.put(make.appInst(app, site));
  const link = new TestLink();
  const server = startServer(link, { sources: list(truth), receivers: [table('CloudletInfo') as never] });
  const site = controllerTables();
  const infos = table('CloudletInfo');
  infos.put(make.cloudletInfo('x'));
  const client = startClient(link, {
    receivers: list(site),
    sources: [infos as never],
    filterCloudletKey: true,
  });
  await client.when('synced');
  const apps = () =>
    [...site.app.values()]
      .map(({ key }) => key?.name)
      .sort()
      .join();
  assert.is(apps(), 'a,b');
  assert.is(site.appInst.size, 2);
  infos.put(make.cloudletInfo('y'));
  await until(() => site.appInst.size === 3);
  infos.delete(OBJECTS.CloudletInfo.key(make.cloudletInfo('x')));
  await until(() => site.appInst.size === 1 && apps() === 'b', 'what was on x is gone, b stays for y');
  // An App follows its instances, and its own changes come too.
  truth.appInst.delete(OBJECTS.AppInst.key(make.appInst('b', 'y')));
  await until(() => site.app.size === 0);
  truth.appInst.put(make.appInst('c', 'y'));
  await until(() => apps() === 'c');
  truth.app.put({ ...make.app('c'), command: 'new' });
  await until(() => [...site.app.values()][0]?.command === 'new');
  await client.stop();
  await server.stop();
});

test('an object that cannot be decoded is named to the sender; the last good one stays', async () => {
  const truth = controllerTables();
  truth.flavor.put(make.flavor('a'));
  const link = new TestLink();
  const broken = new Map<string, Uint8Array>();
  const source = Object.create(truth.flavor, {
    type: {
      value: {
        ...OBJECTS.Flavor,
        toWire: (flavor: ReturnType<typeof make.flavor>) =>
          broken.get(flavor.key?.name ?? '') ?? OBJECTS.Flavor.toWire(flavor),
      },
    },
  });
  for (const method of ['keys', 'get', 'subscribe', 'revisionOf', 'revision'] as const)
    source[method] = (truth.flavor[method] as (...args: never[]) => unknown).bind(truth.flavor);
  const server = startServer(link, { sources: [source] });
  const flavors = table('Flavor');
  const client = startClient(link, { receivers: [flavors as never] });
  await client.when('synced');
  broken.set('a', Buffer.from('ff', 'hex'));
  truth.flavor.put(make.flavor('a', 2n));
  await until(() => server.counters.refusedChanges === 1);
  assert.is(flavors.find({ name: 'a' })?.ram, 1n, 'the last good one');
  assert.match(
    [...(server.peers()[0]?.refusals ?? new Map()).keys()].join(),
    'edgeproto.Flavor {"name":"a"}',
  );
  await reconnect(link, client);
  assert.is(flavors.find({ name: 'a' })?.ram, 1n, 'it is not taken for deleted');
  broken.clear();
  truth.flavor.put(make.flavor('a', 3n));
  await until(() => flavors.find({ name: 'a' })?.ram === 3n);
  assert.is(server.peers()[0]?.refusals?.size ?? 0, 0);
  await client.stop();
  await server.stop();
});

test('cut at any moment, restarted, with changes all the time: tables end up equal', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('put' as const), n: fc.nat(12), site: fc.constantFrom('x', 'y') }),
    fc.record({ do: fc.constant('delete' as const), n: fc.nat(12), site: fc.constantFrom('x', 'y') }),
    fc.record({ do: fc.constantFrom('cut' as const, 'yield' as const, 'restart' as const, 'sync' as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 80 }), fc.boolean(), async (steps, known) => {
      const truth = controllerTables();
      for (let n = 0; n < 12; n++) truth.app.put(make.app(`n${n}`));
      const link = new TestLink();
      const start = () =>
        startServer(link, {
          sources: list(truth),
          receivers: [table('CloudletInfo') as never],
          ...(known && { time: { lineage: 'store' } }),
        });
      let server = start();
      const all = controllerTables();
      const site = controllerTables();
      const infos = table('CloudletInfo');
      infos.put(make.cloudletInfo('x'));
      const clients = [
        startClient(link, { receivers: list(all) }),
        startClient(link, { receivers: list(site), sources: [infos as never], filterCloudletKey: true }),
      ];
      let value = 0;
      for (const s of steps) {
        if (s.do === 'put') {
          truth.appInst.put(make.appInst(`n${s.n}`, s.site, String(value++)));
          if (s.n % 3 === 0) truth.app.put({ ...make.app(`n${s.n}`), command: String(value) });
        } else if (s.do === 'delete')
          truth.appInst.delete(OBJECTS.AppInst.key(make.appInst(`n${s.n}`, s.site)));
        else if (s.do === 'cut') link.cut();
        else if (s.do === 'yield') await new Promise((resolve) => setImmediate(resolve));
        else if (s.do === 'sync') await Promise.all(clients.map((client) => client.when('synced')));
        else {
          link.server = undefined;
          link.cut();
          await server.stop();
          server = start();
        }
      }
      await Promise.all(clients.map((client) => client.when('synced')));
      const text = (tables: Tables, keep: (key: string) => boolean) =>
        [tables.app, tables.appInst]
          .flatMap((one) => [...one.entries()] as [string, unknown][])
          .filter(([key]) => keep(key))
          .map(
            ([key, object]) =>
              key + JSON.stringify(object, (_, v) => (typeof v === 'bigint' ? String(v) : v)),
          )
          .sort()
          .join('\n');
      const here = OBJECTS.Cloudlet.keyJsonOf(make.cloudlet('x'));
      const appsHere = () =>
        new Set(
          [...truth.appInst.values()]
            .filter(({ key }) => key?.clusterInstKey?.cloudletKey?.name === 'x')
            .map(({ key }) => (key?.appKey ? OBJECTS.App.keyJson(key.appKey) : '')),
        );
      const onSite = (key: string) => key.includes(here) || appsHere().has(key);
      await until(() => text(all, () => true) === text(truth, () => true), 'everything is mirrored');
      await until(() => text(site, () => true) === text(truth, onSite), 'the site holds exactly its own');
      for (const client of clients) await client.stop();
      await server.stop();
    }),
    { numRuns: 60, endOnFailure: true },
  );
});

test.run();
