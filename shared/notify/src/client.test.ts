import { ManualClock } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { NoticeAction } from '@edgeplane/proto/edgeproto/notice.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  controllerTables,
  data,
  hello,
  make,
  newClient,
  outline,
  rawServer,
  startServer,
  table,
  until,
} from './testing.js';
import { decodeNotice } from './wire.js';

const END = { action: NoticeAction.SENDALL_END };

test('an agent says hello byte by byte, then what it has, then the end marker', async () => {
  const infos = table('CloudletInfo');
  infos.put(make.cloudletInfo('x'));
  const nodes = table('Node');
  const server = await rawServer((notice, send) => {
    if (notice.action === NoticeAction.VERSION) send(hello(['CloudletInfo', 'Metric']));
  });
  const client = newClient(server.address, {
    maxVersion: 1,
    wantObjs: ['Flavor', 'edgeproto.ExecRequest'],
    filterCloudletKey: true,
    sources: [infos, nodes],
  });
  client.start();
  await until(() => server.received.length === 3);
  const full = ['edgeproto.Flavor', 'edgeproto.ExecRequest'].map((name) => Buffer.from(name));
  const wants = full.map((name) => `22${name.length.toString(16)}${name.toString('hex')}`).join('');
  assert.is(server.received[0]?.toString('hex'), `080310011a00${wants}2801`);
  assert.is(server.received[2]?.toString('hex'), '08041a00');
  // Changes follow; types and messages that the server does not want do not.
  nodes.put(OBJECTS.Node.empty());
  assert.not.ok(client.sendMessage('ExecRequest', {}));
  assert.ok(client.sendMessage('Metric', { name: 'm', timestamp: undefined, tags: [], vals: [] }));
  infos.deleteKeyJson([...infos.keys()][0] ?? '');
  await until(() => server.received.length === 5);
  assert.equal(outline(server.received.map(decodeNotice)).slice(1), [
    'UPDATE CloudletInfo',
    'SENDALL_END',
    'DELETE CloudletInfo',
    'UPDATE Metric',
  ]);
  assert.is(client.state, 'connected');
  await client.stop();
  await server.stop();
});

test('a reply that is not VERSION is refused, and a silent server given up on', async () => {
  const server = await rawServer((_notice, send, nth) => {
    if (nth === 0) send(END);
    if (nth === 2) {
      send(hello([]));
      send(END);
    }
  });
  const client = newClient(server.address, { limits: { handshakeTimeoutMs: 30 } });
  client.start();
  await client.when('synced');
  assert.is(server.connections, 3);
  await client.stop();
  await server.stop();
});

test('after the first end marker what was not sent is pruned, once, and only then', async () => {
  const flavors = table('Flavor');
  flavors.put(make.flavor('stale'));
  flavors.put(make.flavor('kept'));
  let sendMore = () => {};
  const server = await rawServer((notice, send) => {
    if (notice.action !== NoticeAction.VERSION) return;
    send(hello([]));
    send(data('UPDATE', 'Flavor', make.flavor('kept', 2n)));
    send(data('UPDATE', 'Flavor', make.flavor('withdrawn')));
    send(data('DELETE', 'Flavor', make.flavor('withdrawn', 77n)));
    sendMore = () => {
      send(END);
      send(END);
      send(data('UPDATE', 'Flavor', make.flavor('last')));
    };
  });
  const client = newClient(server.address, { receivers: [flavors] });
  client.start();
  await until(() => client.counters.noticesReceived === 3);
  assert.ok(flavors.find({ name: 'stale' }), 'kept until the server has sent all it has');
  flavors.put(make.flavor('local'));
  sendMore();
  await until(() => flavors.find({ name: 'last' }) !== undefined);
  assert.equal(
    [...flavors.values()].map((f) => f.key?.name),
    ['kept', 'last'],
  );
  assert.is(flavors.find({ name: 'kept' })?.ram, 2n);
  await client.stop();
  await server.stop();
});

test('an end marker on a message is not the end; a notice that cannot be decoded stops pruning of its type', async () => {
  const flavors = table('Flavor');
  const clusters = table('Cluster');
  flavors.put(make.flavor('held'));
  clusters.put(make.cluster('stale'));
  const metrics: unknown[] = [];
  const metric = { typeUrl: 'type.googleapis.com/edgeproto.Metric', value: Buffer.from([0x0a, 1, 0x6d]) };
  const server = await rawServer((notice, send) => {
    if (notice.action !== NoticeAction.VERSION) return;
    send(hello([]));
    send({ ...END, any: metric });
    send({
      action: NoticeAction.UPDATE,
      any: { typeUrl: 'type.googleapis.com/edgeproto.Flavor', value: Buffer.from([0x12, 0x05, 1]) },
    });
    send(data('UPDATE', 'Cluster', make.cluster('new')));
    send(END);
  });
  const client = newClient(server.address, {
    receivers: [flavors, clusters],
    messageReceivers: [{ typeName: 'Metric', onMessage: (message) => void metrics.push(message) }],
  });
  client.start();
  await client.when('synced');
  assert.is(metrics.length, 1);
  assert.ok(flavors.find({ name: 'held' }), 'it may be the one that could not be decoded');
  assert.equal(
    [...clusters.values()].map((c) => c.key?.name),
    ['new'],
  );
  assert.is(client.counters.undecodable, 1);
  await client.stop();
  await server.stop();
});

test('tables are kept while disconnected, and everything is sent again at each connect', async () => {
  const t = controllerTables();
  t.flavor.put(make.flavor('f'));
  const first = await startServer({ sources: [t.flavor] });
  const flavors = table('Flavor');
  const infos = table('CloudletInfo');
  infos.put(make.cloudletInfo('x'));
  const client = newClient(first.address, { receivers: [flavors], sources: [infos] });
  client.start();
  await client.when('synced');
  await first.server.stop();
  await until(() => client.state === 'disconnected');
  assert.is(flavors.size, 1);
  t.flavor.put(make.flavor('g'));
  t.flavor.delete({ name: 'f' });
  infos.put(make.cloudletInfo('y'));
  const received = table('CloudletInfo');
  const second = await startServer({ sources: [t.flavor], receivers: [received] });
  await second.server.stop();
  const third = await startServer({ sources: [t.flavor], receivers: [received] });
  const again = newClient(third.address, { receivers: [flavors], sources: [infos] });
  again.start();
  await again.when('synced');
  assert.equal([...flavors.keys()], [...t.flavor.keys()]);
  await until(() => received.size === 2);
  await again.stop();
  await client.stop();
  await third.server.stop();
});

test('addresses take turns from a random start, with back-off that grows and is reset by a sync', async () => {
  const servers = await Promise.all(
    [0, 1, 2].map(() =>
      rawServer((notice, send) => {
        if (notice.action !== NoticeAction.VERSION) return;
        send(hello([]));
        send(END);
      }),
    ),
  );
  const clock = new ManualClock();
  const draws = [0.4, 0.99];
  const client = newClient('unused:1', {
    addrs: servers.map((server) => server.address),
    clock,
    random: { next: () => draws.shift() ?? 0.5 },
  });
  const connections = () => servers.map((server) => server.connections);
  client.start();
  await client.when('synced');
  assert.equal(connections(), [0, 1, 0]);
  for (const [delay, expected] of [
    [0.99 * 250, [0, 1, 1]],
    [0.5 * 250, [1, 1, 1]],
    [0.5 * 250, [1, 2, 1]],
  ] as const) {
    for (const server of servers) server.drop();
    await until(() => client.state === 'disconnected' && clock.pending === 1);
    clock.advance(delay - 1);
    assert.is(clock.pending, 1, 'not before its time');
    clock.advance(2);
    await client.when('synced');
    assert.equal(connections(), expected);
  }
  // Servers that are gone: 125 ms, then half of 500, 1000, ... up to 3 s.
  await Promise.all(servers.map((server) => server.stop()));
  for (const delay of [125, 250, 500, 1000, 1500, 1500]) {
    await until(() => client.state === 'disconnected' && clock.pending === 1);
    clock.advance(delay - 1);
    assert.is(clock.pending, 1, `still waiting just before ${delay} ms`);
    clock.advance(1);
  }
  await client.stop();
});

test('stop half-closes, waits for handlers and ends for good', async () => {
  const done: string[] = [];
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const flavors = table('Flavor');
  flavors.put(make.flavor('f'));
  const nodes = table('Node');
  const { server, address } = await startServer({ sources: [flavors], receivers: [nodes] });
  const client = newClient(address, {
    receivers: [
      {
        type: OBJECTS.Flavor,
        async onUpdate() {
          done.push('begin');
          await held;
          done.push('end');
        },
        onDelete: () => undefined,
        onDisconnect: () => void done.push('disconnect'),
      },
    ],
  });
  client.start();
  await until(() => done.length === 1);
  const stopping = client.stop();
  release();
  await stopping;
  assert.equal(done, ['begin', 'end', 'disconnect']);
  await until(() => server.peers().length === 0);
  await client.stop();
  client.start();
  assert.is(client.state, 'disconnected');
  let refused = '';
  await client.when('synced').catch((error: Error) => {
    refused = error.message;
  });
  assert.is(refused, 'notify session closed: the client is stopping');
  await server.stop();
});

test('bad addresses are refused at once', () => {
  assert.throws(() => newClient('nonsense', {}), /bad address "nonsense"/);
  assert.throws(() => newClient('', { addrs: [] }), /at least one address/);
});

test.run();
