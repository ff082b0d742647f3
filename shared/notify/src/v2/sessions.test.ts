/** What outlives a session of version 2, and how sessions end. */
import { ManualClock, silentLogger } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { NoticeAction } from '@edgeplane/proto/edgeproto/notice.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NotifyClient, type NotifyClientOptions } from '../client.js';
import { NotifyServer } from '../server.js';
import type { NotifyServerOptions } from '../server-options.js';
import { make, table, until } from '../testing.js';
import { TestLink } from '../testing-link.js';
import type { PeerInfo, Receiver } from '../types.js';
import { decodeNotice } from '../wire.js';

const BARE = { sources: [], receivers: [], messageReceivers: [], logger: silentLogger, maxVersion: 2 };

function server(link: TestLink, options: Partial<NotifyServerOptions>): NotifyServer {
  const made = new NotifyServer({ ...BARE, ...options });
  link.server = made;
  return made;
}

function client(link: TestLink, options: Partial<NotifyClientOptions>): NotifyClient {
  const given = { addrs: ['test:1'], filterCloudletKey: false, dial: link.dial, random: { next: () => 0 } };
  const made = new NotifyClient({ ...BARE, ...given, ...options });
  made.start();
  return made;
}

/** Nodes that peers reported, and how often they were given and flushed. */
class Nodes implements Receiver {
  readonly type = OBJECTS.Node as never;
  updates = 0;
  flushed: bigint[] = [];

  onUpdate(): void {
    this.updates += 1;
  }

  onDelete(): void {}

  onDisconnect(peer: PeerInfo): void {
    this.flushed.push(peer.id);
  }
}

function nodeSource() {
  const nodes = table('Node');
  nodes.put(OBJECTS.Node.withKey({ ...OBJECTS.Node.empty().key, name: 'n' } as never));
  return nodes;
}

test('reports outlive a lost connection for a while, and go at once with a farewell', async () => {
  const link = new TestLink();
  const clock = new ManualClock();
  const nodes = new Nodes();
  const made = server(link, { receivers: [nodes], clock });
  const peer = client(link, { sources: [nodeSource() as never] });
  await until(() => nodes.updates === 1);
  link.cut();
  await until(() => link.dialled === 2);
  await peer.when('synced');
  assert.equal([nodes.updates, nodes.flushed], [1, []], 'nothing was reported again');
  assert.is(made.peers()[0]?.id, 0n, 'it is the same peer');

  link.server = undefined;
  link.cut();
  await until(() => made.peers().length === 0);
  clock.advance(9_999);
  assert.equal(nodes.flushed, []);
  clock.advance(1);
  await until(() => nodes.flushed.length === 1);
  link.server = made;
  await until(() => nodes.updates === 2, 'everything is reported anew');
  assert.is(made.peers()[0]?.id, 1n);
  await peer.stop();
  await until(() => nodes.flushed.length === 2, 'a farewell');
  clock.advance(1);
  const stopped = made.stop();
  clock.advance(10_000);
  await stopped;
});

test('a peer that has been elsewhere begins anew', async () => {
  const link = new TestLink();
  const clock = new ManualClock();
  const nodes = new Nodes();
  const first = server(link, { receivers: [nodes], clock });
  const peer = client(link, { sources: [nodeSource() as never] });
  await until(() => nodes.updates === 1);
  const elsewhere = new Nodes();
  const second = server(link, { receivers: [elsewhere] });
  link.cut();
  await until(() => elsewhere.updates === 1);
  link.server = first;
  link.cut();
  await until(() => nodes.updates === 2);
  assert.equal(nodes.flushed, [0n], 'what it had reported before is forgotten');
  await peer.stop();
  for (const made of [first, second]) {
    const stopped = made.stop();
    clock.advance(10_000);
    await stopped;
  }
});

test('a new session of a peer ends its old one, which may be half-open', async () => {
  const link = new TestLink();
  const nodes = new Nodes();
  const made = server(link, { receivers: [nodes] });
  const peer = client(link, { sources: [nodeSource() as never] });
  await until(() => nodes.updates === 1);
  link.forgetClient();
  await until(() => link.dialled === 2);
  await peer.when('synced');
  await until(() => made.peers().length === 1);
  assert.equal([nodes.updates, nodes.flushed], [1, []]);
  await peer.stop();
  await made.stop();
});

test('a data model that is not known is refused on both sides, with the reason', async () => {
  const link = new TestLink();
  const lines: unknown[] = [];
  const note = (members: unknown, text: string) => lines.push([members, text]);
  const logger = Object.assign(Object.create(silentLogger), { info: note, warn: note, child: () => logger });
  const made = server(link, { logger });
  const real = link.dial;
  const peer = client(link, {
    logger,
    dial: (address) => {
      const call = real(address);
      const write = call.stream.write.bind(call.stream);
      call.stream.write = ((bytes: Buffer) =>
        write(
          Buffer.from(bytes.toString('latin1').replace(/[0-9a-f]{32}/, 'f'.repeat(32)), 'latin1'),
        )) as never;
      return call;
    },
  });
  await until(() => link.last.down.length > 0);
  const drain = decodeNotice(link.last.down[0] ?? Buffer.alloc(0)).drain;
  assert.match(drain?.reason ?? '', /has data model f{32}, which this one \(\w+\) does not know/);
  assert.is(drain?.retryAfterMs, 60_000);
  const said = (text: string) =>
    lines
      .map((line) => JSON.stringify(line))
      .some((line) => line.includes('does not know') && line.includes(text));
  await until(() => said('Peer lost') && said('Notify connection lost') && said('"retryInMs":60000'));
  assert.is(peer.state, 'disconnected');
  await peer.stop();
  await made.stop();
});

test('a stopping server asks its peers to go, and does not wait for long', async () => {
  const link = new TestLink();
  const made = server(link, {});
  const peer = client(link, {});
  await peer.when('synced');
  const { last } = link;
  const before = performance.now();
  await made.stop();
  assert.ok(performance.now() - before < 2500);
  assert.ok(last.down.map(decodeNotice).some(({ drain }) => drain?.reason === 'stopping'));
  await peer.stop();
});

test('a peer of version 1 gets version 1, whatever it says its version is', async () => {
  const flavors = table('Flavor');
  flavors.put(make.flavor('a'));
  const link = new TestLink();
  const made = server(link, { sources: [flavors as never] });
  const mirror = table('Flavor');
  const peer = client(link, { receivers: [mirror as never], maxVersion: 1 });
  await peer.when('synced');
  const actions = link.last.down.map(decodeNotice);
  assert.equal(
    actions.map(({ action, version, hello, changes }) => [action, version, hello, changes.length]),
    [
      [NoticeAction.VERSION, 1, undefined, 0],
      [NoticeAction.UPDATE, 0, undefined, 0],
      [NoticeAction.SENDALL_END, 0, undefined, 0],
    ],
  );
  assert.is(mirror.size, 1);
  await peer.stop();
  await made.stop();
});

test.run();
