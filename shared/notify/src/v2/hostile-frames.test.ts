/** Frames that no honest peer sends: what each of them ends, and what it leaves alone. */
import type { Duplex } from 'node:stream';
import { ManualClock, silentLogger } from '@edgeplane/base';
import { currentVersionHash, OBJECTS } from '@edgeplane/objects';
import type { Hello, Sync } from '@edgeplane/proto/edgeplane/notify.js';
import { type Notice, NoticeAction } from '@edgeplane/proto/edgeproto/notice.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NotifyServer } from '../server.js';
import type { NotifyServerOptions } from '../server-options.js';
import { hello, make, newClient, table, until } from '../testing.js';
import { TestLink } from '../testing-link.js';
import type { SendSource } from '../types.js';
import { decodeNotice } from '../wire.js';
import { encodeNotice } from './notices.js';

const NODE = 'edgeproto.Node';
const NOTHING = { count: 0, high: 0, low: 0 };

function second(over: Partial<Hello> = {}): Hello {
  return {
    ...{ node: 'hostile', dataModel: currentVersionHash(), types: [NODE], lineage: 'l', revisions: [0n] },
    ...{ scope: [], held: [], lastServer: '', session: 0n, whole: [], scopeNumber: 0, origins: [], path: [] },
    ...over,
  };
}

function start(options: Partial<NotifyServerOptions> = {}) {
  const flavors = table('Flavor');
  flavors.put(make.flavor('f'));
  const link = new TestLink();
  const server = new NotifyServer({
    sources: [flavors as never],
    receivers: [table('Node') as never],
    ...{ messageReceivers: [], logger: silentLogger, maxVersion: 2, limits: { graceMs: 0 } },
    ...options,
  });
  link.server = server;
  return { link, server };
}

/** A peer that says what it likes; `why` is the error of its stream. */
function say(link: TestLink, ...notices: Partial<Notice>[]) {
  const { stream } = link.dial('test');
  const heard: Notice[] = [];
  const peer = { stream, heard, why: '' };
  stream.on('data', (bytes: Buffer) => heard.push(decodeNotice(bytes)));
  stream.on('error', (error: Error) => {
    peer.why = error.message;
  });
  for (const notice of notices) stream.write(encodeNotice(notice));
  return peer;
}

const version2 = (over?: Partial<Hello>) => ({ ...hello(['Flavor'], false, 2), hello: second(over) });
const mark = (value: NonNullable<Sync['mark']>, type = 0, revision = 0n) => ({
  ...{ type, mark: value, revision, scope: 0 },
});
const asks = (buckets: number, type = 0) =>
  mark({ $case: 'buckets', value: { sums: Array.from({ length: buckets * 2 }, () => 1) } }, type);

const ENDS: readonly [what: string, notices: readonly Partial<Notice>[], why: RegExp][] = [
  ['a hello without node', [version2({ node: '' })], /hello: it has no node/],
  ['a name without end', [version2({ node: 'n'.repeat(300) })], /a name has 300 letters, more than 256/],
  ['a type twice', [version2({ types: [NODE, NODE] })], /it names 2 types/],
  [
    'a want list without end',
    [{ ...version2(), wantObjs: Array.from({ length: 300 }, () => 'x') }],
    /300 types are wanted/,
  ],
  [
    'a revision that is no exact number',
    [version2({ revisions: [2n ** 64n - 1n] })],
    /revision 18446744073709551615 is too large/,
  ],
  [
    'such a revision of a mark',
    [version2(), { sequence: 1n, sync: [mark({ $case: 'digest', value: NOTHING }, 0, 2n ** 53n)] }],
    /revision 9007199254740992 is too large/,
  ],
  [
    'a reset that was not asked for',
    [version2(), { sequence: 1n, sync: [mark({ $case: 'reset', value: { of: 16, buckets: [] } })] }],
    /a reset of buckets that were not asked for/,
  ],
  ['buckets of no such number', [version2(), { sync: [asks(17)] }], /17 buckets/],
  [
    'asks without end',
    [version2(), { sync: Array.from({ length: 40 }, () => asks(16)) }],
    /digests differed more than 30 times within 30000 ms/,
  ],
  ['an ack of what was not sent', [version2(), { ack: 99n }], /ack of frame 99, which was never sent/],
  ['a frame out of turn', [version2(), { sequence: 2n }], /frame 2 after frame 0/],
];

for (const [what, notices, why] of ENDS) {
  test(`ends the session: ${what}`, async () => {
    const { link, server } = start();
    const peer = say(link, ...notices);
    await until(() => peer.why !== '', 'its end');
    assert.match(peer.why, why);
    await until(() => server.peers().length === 0);
    await server.stop();
  });
}

test('means nothing: nacks of what was not sent, buckets of a type that is not sent, VERSION again', async () => {
  const { link, server } = start();
  const nacks = Array.from({ length: 200 }, (_, index) => ({ sequence: 77n, index, reason: 'r' }));
  const peer = say(link, version2(), { nacks }, { sync: [asks(16, 5), asks(17, 6)] }, version2());
  peer.stream.write(encodeNotice({ sequence: 1n, sync: [mark({ $case: 'digest', value: NOTHING })] }));
  await until(() => peer.heard.some(({ ack }) => ack === 1n), 'an ack');
  assert.is(server.peers()[0]?.refusals?.size, 0);
  assert.is(server.counters.refusedChanges, 0);
  peer.stream.end();
  await server.stop();
});

test('a reason without end is shortened where it is shown', async () => {
  const { link, server } = start();
  const peer = say(link, version2());
  await until(() => peer.heard.some(({ sequence }) => sequence === 1n), 'a frame');
  peer.stream.write(encodeNotice({ nacks: [{ sequence: 1n, index: 0, reason: 'r'.repeat(1_000_000) }] }));
  await until(() => server.peers()[0]?.refusals?.size === 1, 'a refusal');
  const [reason] = server.peers()[0]?.refusals?.values() ?? [];
  assert.is(reason?.length, 303);
  peer.stream.end();
  await server.stop();
});

test('reports of no more peers than may be outlive their sessions', async () => {
  const clock = new ManualClock();
  const gone: bigint[] = [];
  const nodes = {
    type: OBJECTS.Node as never,
    ...{ onUpdate: () => undefined, onDelete: () => undefined },
    onDisconnect: ({ id }: { id: bigint }) => void gone.push(id),
  };
  const { link, server } = start({ clock, receivers: [nodes], limits: { maxStale: 2, graceMs: 1000 } });
  const peers = ['a', 'b', 'c'].map((node) => say(link, version2({ node })));
  await until(() => server.peers().length === 3 && peers.every(({ heard }) => heard.length > 0));
  link.cut();
  await until(() => gone.length === 1, 'one too many');
  clock.advance(1000);
  await until(() => gone.length === 3, 'the others, in their time');
  const stopped = server.stop();
  clock.advance(10_000);
  await stopped;
});

test('a server whose revisions are no exact numbers cannot keep a client from others', async () => {
  const { link, server } = start();
  const good = link.server;
  link.server = {
    accept: async (stream: Duplex) => {
      stream.on('error', () => undefined);
      const flavor = Buffer.from(OBJECTS.Flavor.toWire(make.flavor('bad')));
      const changed = {
        type: 0,
        object: flavor,
        key: Buffer.alloc(0),
        revision: 2n ** 64n - 1n,
        keyNumber: 1,
        origin: undefined,
      };
      const first = {
        action: NoticeAction.VERSION,
        version: 2,
        hello: second({ types: ['edgeproto.Flavor'] }),
      };
      stream.write(encodeNotice(first));
      stream.write(encodeNotice({ sequence: 1n, changes: [changed] }));
      await new Promise((resolve) => stream.once('close', resolve));
    },
  };
  const mirror = table('Flavor');
  const client = newClient('test:1', { receivers: [mirror as never], dial: link.dial, maxVersion: 2 });
  client.start();
  await until(() => link.dialled > 1, 'another try');
  link.server = good;
  await client.when('synced');
  assert.equal([...mirror.keys()], [OBJECTS.Flavor.keyJson({ name: 'f' })]);
  await client.stop();
  await server.stop();
});

/** Flavors of which that without a name is encoded as nothing. */
function withoutBytes(flavors: ReturnType<typeof table<'Flavor'>>): SendSource {
  const { type } = flavors;
  const toWire: typeof type.toWire = (flavor) =>
    flavor.key?.name === '' ? new Uint8Array(0) : type.toWire(flavor);
  const source: SendSource = {
    type: { ...type, toWire } as never,
    keys: () => flavors.keys(),
    get: (keyJson) => flavors.get(keyJson),
    subscribe: (listener) => flavors.subscribe(listener),
  };
  return source;
}

test('an object with nothing in it, which adds nothing to a sum, comes and goes like others', async () => {
  const link = new TestLink();
  const mirror = table('Flavor');
  const client = newClient('test:1', { receivers: [mirror as never], dial: link.dial, maxVersion: 2 });
  client.start();
  const [some, nothing] = [make.flavor('f'), OBJECTS.Flavor.empty()];
  // Each server is of a lineage of its own, so that only digests can say what differs.
  for (const objects of [[some, nothing], [some], [some, nothing]]) {
    const flavors = table('Flavor');
    for (const flavor of objects) flavors.put(flavor);
    const { link: other, server } = start({ sources: [withoutBytes(flavors)] });
    link.server = other.server;
    link.cut();
    await until(() => server.peers().length === 1 && client.state === 'synced', 'a session in step');
    assert.is(mirror.size, flavors.size);
    link.server = undefined;
    link.cut();
    await until(() => client.state === 'disconnected');
    await server.stop();
  }
  await client.stop();
});

test('a frame is acknowledged at once, also when the last notice that came with it was an ack', async () => {
  const { link, server } = start({ clock: new ManualClock() });
  const peer = say(link, version2());
  await until(() => peer.heard.some(({ sequence }) => sequence > 0n), 'the first frame');
  // In one go, so that the second is there when the first has been applied.
  for (const notice of [{ sequence: 1n, action: NoticeAction.SENDALL_END }, { ack: 1n }])
    peer.stream.write(encodeNotice(notice));
  await until(() => peer.heard.some(({ ack }) => ack === 1n), 'its ack');
  link.cut();
  await server.stop();
});

test('digests are said again after five minutes, and not before', async () => {
  const clock = new ManualClock();
  const { link, server } = start({ clock });
  const peer = say(link, version2());
  const digests = () => peer.heard.filter(({ sync }) => sync.length > 0).length;
  await until(() => digests() === 1, 'the first digest');
  peer.stream.write(encodeNotice({ ack: 1n }));
  await until(() => server.counters.noticesReceived === 1, 'its ack');
  for (let s = 30; s < 300; s += 30) clock.advance(30_000);
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(digests(), 1);
  clock.advance(30_000);
  await until(() => digests() === 2, 'the second');
  link.cut();
  await server.stop();
});

test.run();
