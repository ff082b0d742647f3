import { OBJECTS } from '@edgeplane/objects';
import { NoticeAction } from '@edgeplane/proto/edgeproto/notice.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  controllerTables,
  data,
  hello,
  make,
  outline,
  rawClient,
  startServer,
  table,
  until,
} from './testing.js';
import type { MessageReceiver, PeerInfo, Receiver } from './types.js';

/** Notes what it is told. */
function recorder(type: Receiver['type']) {
  const calls: string[] = [];
  const objects: unknown[] = [];
  const receiver: Receiver = {
    type,
    onUpdate(object, peer) {
      calls.push(`update ${peer.id}`);
      objects.push(object);
    },
    onDelete: (_key, keyJson, peer) => void calls.push(`delete ${keyJson} ${peer.id}`),
    onSynced: () => void calls.push('synced'),
    onDisconnect: (peer) => void calls.push(`disconnect ${peer.id}`),
  };
  return { receiver, calls, objects };
}

const ignore = (typeName: string): MessageReceiver => ({ typeName, onMessage: () => undefined });

test('handshake: version, the want list in the order of the reference, objects, end marker', async () => {
  const { server, address } = await startServer({
    sources: [table('Flavor')],
    receivers: [OBJECTS.Node, OBJECTS.ClusterInstInfo, OBJECTS.AppInstInfo, OBJECTS.CloudletInfo].map(
      (type) => recorder(type as Receiver['type']).receiver,
    ),
    messageReceivers: [ignore('ExecRequest'), ignore('Metric')],
  });
  const peer = rawClient(address);
  peer.send(hello(['Flavor', 'Nonsense'], false, 7));
  await until(() => peer.notices.length === 2);
  const names = ['CloudletInfo', 'AppInstInfo', 'ClusterInstInfo', 'Metric', 'Node', 'ExecRequest'];
  const wants = names.map((name) => {
    const full = Buffer.from(`edgeproto.${name}`);
    return `22${full.length.toString(16).padStart(2, '0')}${full.toString('hex')}`;
  });
  assert.is(peer.bytes[0]?.toString('hex'), `080310011a00${wants.join('')}`);
  assert.is(peer.bytes[1]?.toString('hex'), '08041a00');
  assert.is(server.peers()[0]?.version, 1);
  peer.end();
  await until(() => peer.ended !== undefined);
  assert.is(peer.ended?.code, 0);
  await server.stop();
  peer.close();
});

test('a first message that is not VERSION is refused', async () => {
  const { server, address } = await startServer({});
  const peer = rawClient(address);
  peer.send(data('UPDATE', 'Flavor', make.flavor('f')));
  await until(() => peer.ended !== undefined);
  assert.equal(peer.ended, { code: 3, details: 'Notify server expected action version' });
  assert.is(server.peers().length, 0);
  peer.close();
  await server.stop();
});

test('a peer that says nothing is dropped after the handshake timeout', async () => {
  const { server, address } = await startServer({ limits: { handshakeTimeoutMs: 30 } });
  const peer = rawClient(address);
  await until(() => peer.ended !== undefined);
  assert.equal(peer.ended, { code: 4, details: 'notify handshake not finished within 30 ms' });
  peer.close();
  await server.stop();
});

test('types go in dependency order whatever the order of the sources', async () => {
  const t = controllerTables();
  t.flavor.put(make.flavor('f'));
  t.cloudlet.put(make.cloudlet('x'));
  t.cluster.put(make.cluster('c'));
  t.clusterInst.put(make.clusterInst('x'));
  t.app.put(make.app('a'));
  t.appInst.put(make.appInst('a', 'x'));
  const { server, address } = await startServer({ sources: Object.values(t).reverse() });
  const peer = rawClient(address);
  peer.send(hello(['AppInst', 'App', 'ClusterInst', 'Cluster', 'Cloudlet', 'Flavor']));
  await until(() => peer.notices.length === 8);
  assert.equal(outline(peer.notices), [
    'VERSION',
    'UPDATE Flavor',
    'UPDATE Cloudlet',
    'UPDATE Cluster',
    'UPDATE ClusterInst',
    'UPDATE App',
    'UPDATE AppInst',
    'SENDALL_END',
  ]);
  t.appInst.deleteKeyJson([...t.appInst.keys()][0] ?? '');
  await until(() => peer.notices.length === 9);
  const gone = peer.notices[8];
  assert.equal(outline(gone ? [gone] : []), ['DELETE AppInst']);
  const bare = OBJECTS.AppInst.toWire(OBJECTS.AppInst.withKey(OBJECTS.AppInst.key(make.appInst('a', 'x'))));
  assert.equal(gone?.any?.value, Buffer.from(bare));
  peer.close();
  await server.stop();
});

test('an agent gets Flavors at once, and the rest only for cloudlets that it reports', async () => {
  const t = controllerTables();
  t.flavor.put(make.flavor('f'));
  for (const name of ['x', 'y']) {
    t.cloudlet.put(make.cloudlet(name));
    t.clusterInst.put(make.clusterInst(name));
    t.app.put(make.app(`app-${name}`));
    t.appInst.put(make.appInst(`app-${name}`, name));
  }
  t.app.put(make.app('unused'));
  const info = recorder(OBJECTS.CloudletInfo as Receiver['type']);
  const { server, address } = await startServer({
    sources: Object.values(t),
    receivers: [info.receiver],
  });
  const peer = rawClient(address);
  const seen = () => outline(peer.notices.splice(0));
  peer.send(hello(['Flavor', 'App', 'AppInst', 'Cloudlet', 'ClusterInst', 'ExecRequest'], true));
  await until(() => peer.notices.length === 3);
  assert.equal(seen(), ['VERSION', 'UPDATE Flavor', 'SENDALL_END']);

  peer.send(data('UPDATE', 'CloudletInfo', make.cloudletInfo('x')));
  await until(() => peer.notices.length === 4);
  assert.ok(peer.notices.every((notice) => !notice.any?.value.includes('app-y')));
  assert.equal(seen(), ['UPDATE Cloudlet', 'UPDATE ClusterInst', 'UPDATE App', 'UPDATE AppInst']);
  assert.equal([...(server.peers()[0]?.cloudlets ?? [])], [OBJECTS.Cloudlet.keyJsonOf(make.cloudlet('x'))]);

  // Not ours, or an App alone: nothing. The flavor after them shows that nothing was sent before it.
  t.appInst.put(make.appInst('app-y', 'y', 'changed'));
  t.clusterInst.put(make.clusterInst('y'));
  t.app.put(make.app('app-x'));
  await new Promise((resolve) => setImmediate(resolve));
  t.flavor.put(make.flavor('g'));
  await until(() => peer.notices.length === 1);
  assert.equal(seen(), ['UPDATE Flavor']);

  // A change, and a deletion, of one of ours takes its App along.
  t.appInst.put(make.appInst('app-x', 'x', 'changed'));
  await until(() => peer.notices.length === 2);
  assert.equal(seen(), ['UPDATE App', 'UPDATE AppInst']);
  t.appInst.delete(OBJECTS.AppInst.key(make.appInst('app-x', 'x')));
  await until(() => peer.notices.length === 2);
  assert.equal(seen(), ['UPDATE App', 'DELETE AppInst']);

  // Reported again: sent again.
  peer.send(data('UPDATE', 'CloudletInfo', make.cloudletInfo('x')));
  await until(() => peer.notices.length === 2);
  assert.equal(seen(), ['UPDATE Cloudlet', 'UPDATE ClusterInst']);

  // Withdrawn: nothing any more.
  peer.send(data('DELETE', 'CloudletInfo', make.cloudletInfo('x')));
  await until(() => info.calls.some((call) => call.startsWith('delete')));
  t.clusterInst.put(make.clusterInst('x'));
  t.flavor.put(make.flavor('h'));
  await until(() => peer.notices.length === 1);
  assert.equal(seen(), ['UPDATE Flavor']);
  peer.close();
  await server.stop();
});

test('connection ids are stamped on what peers send, and given to onDisconnect', async () => {
  const info = recorder(OBJECTS.CloudletInfo as Receiver['type']);
  const { server, address } = await startServer({ receivers: [info.receiver] });
  for (const id of [0n, 1n]) {
    const peer = rawClient(address);
    peer.send(hello([]));
    peer.send(data('UPDATE', 'CloudletInfo', { ...make.cloudletInfo('x'), notifyId: 99n }));
    peer.send({ action: NoticeAction.SENDALL_END });
    await until(() => info.calls.includes(`update ${id}`));
    assert.is((info.objects.at(-1) as { notifyId: bigint }).notifyId, id);
    if (id === 0n) peer.end();
    else peer.close();
    await until(() => info.calls.includes(`disconnect ${id}`));
    assert.is(server.peers().length, 0);
    peer.close();
  }
  assert.not.ok(info.calls.includes('synced'), 'a server never prunes');
  await server.stop();
});

test('messages go by type whatever the action; undecodable and unknown notices are skipped', async () => {
  const metrics: [unknown, PeerInfo][] = [];
  const { server, address } = await startServer({
    receivers: [recorder(OBJECTS.Node as Receiver['type']).receiver],
    messageReceivers: [
      { typeName: 'Metric', onMessage: (message, peer) => void metrics.push([message, peer]) },
    ],
  });
  const peer = rawClient(address);
  peer.send(hello([]));
  const url = (name: string) => `type.googleapis.com/edgeproto.${name}`;
  const metric = Buffer.from([0x0a, 0x01, 0x6d]);
  for (const action of [NoticeAction.NONE, NoticeAction.DELETE, NoticeAction.SENDALL_END])
    peer.send({ action, any: { typeUrl: url('Metric'), value: metric } });
  peer.send({ action: NoticeAction.UPDATE, any: { typeUrl: url('Node'), value: Buffer.from([0xff]) } });
  peer.send({ action: NoticeAction.UPDATE, any: { typeUrl: 'edgeproto.Node', value: Buffer.alloc(0) } });
  peer.send({ action: NoticeAction.UPDATE, any: { typeUrl: url('Mystery'), value: Buffer.alloc(0) } });
  peer.send({ action: NoticeAction.UPDATE, any: { typeUrl: url('Metric'), value: metric } });
  await until(() => metrics.length === 4);
  assert.ok(metrics.every(([message]) => (message as { name: string }).name === 'm'));
  assert.is(server.counters.undecodable, 2);
  assert.is(server.counters.unknownType, 1);
  assert.is(server.peers().length, 1);
  peer.close();
  await server.stop();
});

test('bytes that are no notice, and notices that are too large, end that session only', async () => {
  const { server, address } = await startServer({
    receivers: [recorder(OBJECTS.Node as Receiver['type']).receiver],
    limits: { maxNoticeBytes: 1000 },
  });
  const good = rawClient(address);
  good.send(hello([]));
  await until(() => good.notices.length === 2);
  const garbled = rawClient(address);
  garbled.send(hello([]));
  garbled.send(Buffer.from('1a7f00', 'hex'));
  await until(() => garbled.ended !== undefined);
  assert.is(garbled.ended?.code, 3);
  assert.match(garbled.ended?.details ?? '', /^malformed notice: /);
  const large = rawClient(address);
  large.send(hello([]));
  large.send(Buffer.alloc(1001));
  await until(() => large.ended !== undefined);
  assert.is(large.ended?.code, 8);
  assert.match(large.ended?.details ?? '', /1001.*1000/);
  await until(() => server.peers().length === 1);
  assert.is(good.ended, undefined);
  for (const peer of [good, garbled, large]) peer.close();
  await server.stop();
});

test('an object larger than a notice may be is not sent, and named in the count', async () => {
  const flavors = table('Flavor');
  flavors.put(make.flavor('n'.repeat(2000)));
  flavors.put(make.flavor('small'));
  const { server, address } = await startServer({ sources: [flavors], limits: { maxNoticeBytes: 1000 } });
  const peer = rawClient(address);
  peer.send(hello(['Flavor']));
  await until(() => peer.notices.length === 3);
  assert.equal(outline(peer.notices), ['VERSION', 'UPDATE Flavor', 'SENDALL_END']);
  assert.is(server.counters.unsendable, 1);
  peer.close();
  await server.stop();
});

test('messages go to peers that want them and fit the predicate', async () => {
  const { server, address } = await startServer({});
  const agent = rawClient(address);
  agent.send(hello(['ExecRequest']));
  await until(() => agent.notices.length === 2);
  const engine = rawClient(address);
  engine.send(hello(['App']));
  await until(() => engine.notices.length === 2);
  const request = OBJECTS.AppInst.key(make.appInst('a', 'x'));
  const message = { appInstKey: request, command: 'ls', containerId: '', offer: 'o', answer: '', err: '' };
  assert.is(server.sendMessage('ExecRequest', message), 1);
  assert.is(
    server.sendMessage('ExecRequest', message, (peer) => peer.id === 5n),
    0,
  );
  await until(() => agent.notices.length === 3);
  assert.equal(outline(agent.notices.slice(2)), ['UPDATE ExecRequest']);
  assert.is(engine.notices.length, 2);
  agent.close();
  engine.close();
  await server.stop();
});

test('a handler that fails, or is slow, holds back or harms nothing else', async () => {
  const order: string[] = [];
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const receiver: Receiver = {
    type: OBJECTS.Node as Receiver['type'],
    async onUpdate(object) {
      const { name } = (object as { key: { name: string } }).key;
      order.push(`begin ${name}`);
      if (name === 'bad') throw new Error('no');
      if (name === 'slow') await held;
      order.push(`end ${name}`);
    },
    onDelete: () => undefined,
  };
  const { server, address } = await startServer({ receivers: [receiver] });
  const peer = rawClient(address);
  peer.send(hello([]));
  const node = (name: string) =>
    data(
      'UPDATE',
      'Node',
      OBJECTS.Node.normalize({ ...OBJECTS.Node.empty(), key: { name, nodeType: 0, cloudletKey: undefined } }),
    );
  for (const name of ['bad', 'slow', 'next']) peer.send(node(name));
  for (let i = 0; i < 2000; i++) peer.send(node('more'.repeat(100)));
  await until(() => order.includes('begin slow'));
  assert.equal(order, ['begin bad', 'begin slow']);
  assert.is(server.counters.handlerFailures, 1);
  assert.is(server.counters.noticesReceived, 2, 'notices are not read ahead of their handlers');
  release();
  await until(() => server.counters.noticesReceived === 2003);
  assert.equal(order.slice(2, 5), ['end slow', 'begin next', 'end next']);
  peer.close();
  await server.stop();
});

test('stop ends sessions cleanly and tells receivers', async () => {
  const info = recorder(OBJECTS.Node as Receiver['type']);
  const { server, address } = await startServer({ receivers: [info.receiver] });
  const peer = rawClient(address);
  peer.send(hello([]));
  const silent = rawClient(address);
  await until(() => peer.notices.length === 2);
  await server.stop();
  assert.equal(info.calls, ['disconnect 0']);
  await until(() => peer.ended !== undefined && silent.ended !== undefined);
  assert.is(peer.ended?.code, 0);
  peer.close();
  silent.close();
  await server.stop();
});

test.run();
