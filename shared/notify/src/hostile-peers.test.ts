// test: timeout=240s
/** Peers that mean harm: each costs bounded memory, hears why it is let go, and disturbs no other. */
import { once } from 'node:events';
import { createServer, connect as tcpConnect } from 'node:net';
import { OBJECTS } from '@edgeplane/objects';
import { NoticeAction } from '@edgeplane/proto/edgeproto/notice.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { NotifyClient } from './client.js';
import { data, hello, newClient, rawClient, table, until } from './testing.js';
import { call, changed, framed, httpSession, MIB, node, startHost, version2 } from './testing-hostile.js';
import { encodeNotice } from './v2/notices.js';

/** What an attack may cost for a while, in all, MiB: far more than is ever needed, far less than is thrown at the host. */
const MAY_GROW = 48;

/** Limits that are reached soon. */
const LIMITS = {
  handshakeTimeoutMs: 3000,
  lingerMs: 500,
  ackTimeoutMs: 1500,
  graceMs: 100,
  maxDirtyKeys: 500,
  maxHeldBytes: MIB,
  maxScope: 100,
  maxSessions: 200,
  maxSessionsPerAddress: 100,
};

const host = await startHost(LIMITS);
const { address, lines } = host;
const port = Number(address.split(':')[1]);
const mirrors: { readonly client: NotifyClient; readonly flavors: { readonly size: number } }[] = [];
let changes = 0;
for (const maxVersion of [1, 2]) {
  const flavors = table('Flavor');
  const client = newClient(address, { receivers: [flavors as never], maxVersion });
  client.start();
  await client.when('synced');
  mirrors.push({ client, flavors });
}

/** Makes new flavors, and alters them so often. */
async function change(flavors: number, letters: number, times = 1): Promise<void> {
  for (let i = 0; i < times; i++) host.ask({ change: { from: changes, to: changes + flavors, letters } });
  changes += flavors;
  await until(() => mirrors.every((mirror) => mirror.flavors.size === changes), `${changes} flavors`);
}

/** Changes come to those who behave. */
async function othersGoOn(): Promise<void> {
  for (let i = 0; i < 10; i++) await change(1, 10);
}

/** `run` resolves when the harm is on its way; `end` takes away what would stay; `says` is what stands in the log. */
function attack(
  name: string,
  says: RegExp | undefined,
  run: () => Promise<(() => void) | undefined> | Promise<void>,
): void {
  test(name, async () => {
    const before = (await host.report()).bytes;
    lines.length = 0;
    const end = await run();
    await othersGoOn();
    const during = await host.report();
    const grown = (during.bytes - before) / MIB;
    assert.ok(grown < MAY_GROW, `grew by ${grown} MiB`);
    if (says) await host.until(`${says}`, () => lines.some((line) => says.test(line)));
    end?.();
    await host.until('only those who behave are left', ({ peers }) => peers === mirrors.length);
    assert.ok(lines.length < 400, `${lines.length} lines were logged`);
    await othersGoOn();
  });
}

/** A connection of plain TCP. */
function tcp(bytes: Buffer = Buffer.alloc(0)) {
  const socket = tcpConnect(port, '127.0.0.1', () => socket.write(bytes));
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => undefined);
  socket.resume();
  return { socket, closed };
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const SETTINGS = frame(4, 0, 0, Buffer.alloc(0));
const PREFACE = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), SETTINGS]);

for (const version of [1, 2]) {
  const first = () => (version === 1 ? hello(['Flavor']) : version2());
  const slow = version === 1 ? /too slow: more than 500 changes/ : /acknowledged nothing for 1500 ms/;

  attack(`version ${version}: does not read`, slow, async () => {
    const on = httpSession(address);
    const stream = call(on);
    stream.pause();
    stream.write(framed(encodeNotice(first())));
    await host.until('the session', ({ peers }) => peers === mirrors.length + 1);
    await change(20, 50_000, 100);
    if (version === 1) await change(1000, 1000);
    return () => on.destroy();
  });

  attack(`version ${version}: reads a byte now and then`, slow, async () => {
    // Between the peer and the host: what comes from the host goes on byte by byte, once there is a session.
    let dripping = false;
    const drip = createServer((near) => {
      const far = tcpConnect(port, '127.0.0.1');
      near.pipe(far);
      far.on('readable', () => undefined);
      const timer = setInterval(() => {
        const bytes = (dripping ? far.read(1) : far.read()) as Buffer | null;
        if (bytes) near.write(bytes);
      }, 20);
      for (const socket of [near, far])
        socket
          .on('error', () => undefined)
          .on('close', () => {
            clearInterval(timer);
            near.destroy();
            far.destroy();
          });
    });
    await new Promise<void>((resolve) => drip.listen(0, '127.0.0.1', resolve));
    const at = drip.address();
    const peer = rawClient(`127.0.0.1:${typeof at === 'object' && at ? at.port : 0}`);
    peer.send(first());
    await host.until('the session', ({ peers }) => peers === mirrors.length + 1);
    dripping = true;
    await change(20, 50_000, 20);
    if (version === 1) await change(1000, 1000);
    return () => {
      peer.close();
      drip.close();
    };
  });

  attack(`version ${version}: sends objects without end`, /more objects than are kept: 1048576/, async () => {
    const peer = rawClient(address);
    peer.send(first());
    for (let i = 0; i < 300 && !peer.ended; i++) {
      const object = node(`${i} ${'n'.repeat(10_000)}`);
      if (version === 1) peer.send(data('UPDATE', 'Node', object));
      else {
        const body = Buffer.from(OBJECTS.Node.toWire(object));
        peer.send({ changes: [changed(body, i)], sequence: BigInt(i + 1) });
      }
    }
    await until(() => peer.ended !== undefined, 'its end');
    assert.match(peer.ended?.details ?? '', /more objects than are kept/);
    return () => peer.close();
  });

  attack(
    `version ${version}: sends what cannot be decoded, again and again`,
    /cannot be decoded/,
    async () => {
      const peer = rawClient(address);
      peer.send(first());
      const bad = Buffer.from('ff', 'hex');
      for (let i = 0; i < 3000; i++) {
        if (version === 1)
          peer.send({ action: NoticeAction.UPDATE, any: { typeUrl: 'x/edgeproto.Node', value: bad } });
        else peer.send({ changes: Array.from({ length: 20 }, () => changed(bad)), sequence: BigInt(i + 1) });
      }
      await host.until('all of them', ({ counters }) => counters.undecodable >= 3000);
      return () => peer.close();
    },
  );
}

attack('sends a notice of 64 MiB', undefined, async () => {
  // Made before the connection is, which is broken off when no call comes in time.
  const notice = Buffer.alloc(64 * MIB);
  const peer = rawClient(address);
  peer.send(hello(['Flavor']));
  await until(() => peer.notices.length > 0, 'the answer to its hello');
  peer.send(notice);
  await until(() => peer.ended !== undefined, 'its end');
  assert.is(peer.ended?.code, 8);
  assert.match(peer.ended?.details ?? '', /larger than max \(67108864 vs 4194304\)/);
  return () => peer.close();
});

attack('sends large notices faster than they are handled', /notice of more than 100000 fields/, async () => {
  const peers = Array.from({ length: 8 }, () => rawClient(address));
  for (const peer of peers) {
    peer.send(hello(['Flavor']));
    // Empty messages, of two bytes each.
    for (let i = 0; i < 8; i++) peer.send(Buffer.alloc(4_194_303, Buffer.from([0xaa, 0x06, 0x00])));
  }
  await until(() => peers.every(({ ended }) => ended !== undefined), 'their end');
  for (const peer of peers) peer.close();
});

attack('says nothing after the call', /handshake not finished within 3000 ms/, async () => {
  const peers = Array.from({ length: 50 }, () => rawClient(address));
  await until(() => peers.every(({ ended }) => ended !== undefined), 'their end');
  assert.match(peers[0]?.ended?.details ?? '', /handshake not finished within 3000 ms/);
  for (const peer of peers) peer.close();
});

attack('opens thousands of connections', /Connections refused/, async () => {
  const all = Array.from({ length: 2000 }, () => tcp(PREFACE.subarray(0, 11)));
  await Promise.all(all.map(({ closed }) => closed));
});

attack('opens more sessions than there may be', /Sessions refused/, async () => {
  const peers = Array.from({ length: 110 }, () => rawClient(address));
  await until(() => peers.some(({ ended }) => ended !== undefined), 'one that is refused');
  const refused = peers.find(({ ended }) =>
    /too many notify sessions of 127.0.0.1/.test(ended?.details ?? ''),
  );
  assert.ok(refused, 'it hears why');
  for (const peer of peers) peer.close();
});

attack('opens thousands of streams on one connection', undefined, async () => {
  const on = httpSession(address);
  const streams = Array.from({ length: 3000 }, () => call(on));
  for (const stream of streams.slice(0, 16)) stream.write(framed(encodeNotice(hello(['Flavor']))));
  const report = await host.until('as many as may be', ({ peers }) => peers >= mirrors.length + 16);
  assert.is(report.peers, mirrors.length + 16);
  return () => on.destroy();
});

attack('opens and resets streams', undefined, async () => {
  const on = httpSession(address);
  const closed = new Promise<void>((resolve) => on.once('close', () => resolve()));
  for (let i = 0; i < 20_000 && !on.destroyed; i++) {
    call(on).close(8);
    if (i % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  on.destroy();
  await closed;
});

attack('sends PINGs and SETTINGS without reading', undefined, async () => {
  const ping = frame(6, 0, 0, Buffer.alloc(8));
  const flood = Buffer.concat(Array.from({ length: 5000 }, () => [ping, SETTINGS]).flat());
  const { socket, closed } = tcp(PREFACE);
  socket.pause();
  for (let i = 0; i < 100 && !socket.destroyed; i++) {
    if (!socket.write(flood)) await Promise.race([once(socket, 'drain').catch(() => undefined), closed]);
  }
  socket.destroy();
});

attack('sends headers of megabytes', undefined, async () => {
  const { socket, closed } = tcp(PREFACE);
  const part = Buffer.alloc(16_000, 'h');
  socket.write(frame(1, 0, 1, part));
  for (let i = 0; i < 500 && !socket.destroyed; i++) socket.write(frame(9, 0, 1, part));
  await closed;
});

attack('wants more cloudlets than it may', /objects of more than 100 cloudlets/, async () => {
  const key = (name: string) =>
    Buffer.from(OBJECTS.Cloudlet.toWire(OBJECTS.Cloudlet.withKey({ operatorKey: { name: 'op' }, name })));
  const scope = Array.from({ length: 101 }, (_, i) => key(`c${i}`));
  const atOnce = rawClient(address);
  atOnce.send(version2({ scope }, true));
  const later = rawClient(address);
  later.send(version2({}, true));
  later.send({ scope: { add: scope, remove: [], wholeAdd: [], wholeRemove: [], number: 0 } });
  await until(() => [atOnce, later].every(({ ended }) => ended !== undefined), 'their end');
  for (const peer of [atOnce, later]) {
    assert.match(peer.ended?.details ?? '', /objects of more than 100 cloudlets/);
    peer.close();
  }
});

test('the host ends in order', async () => {
  for (const { client } of mirrors) await client.stop();
  await host.stop();
});

test.run();
