/** Servers that mean harm, over TCP: a client leaves each of them for a good one, with bounded memory. */
import { createLogger } from '@edgeplane/base';
import { type Notice, NoticeAction } from '@edgeplane/proto/edgeproto/notice.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { data, make, newClient, rawServer, startServer, table, until } from './testing.js';

type Send = (notice: Partial<Notice> | Buffer) => void;
const MIB = 1024 * 1024;
const VERSION = { action: NoticeAction.VERSION, version: 1, wantObjs: [] };

/** In the order in which they are met: what a server does, and what the client says of it. */
const SERVERS: readonly [what: string, onNotice: (send: Send) => void, says: RegExp][] = [
  ['never answers', () => undefined, /handshake not finished within 1000 ms/],
  ['answers with 64 MiB', (send) => send(Buffer.alloc(64 * MIB)), /larger than max \(67108864 vs 4194304\)/],
  ['answers with what is no notice', (send) => send(Buffer.from('0b', 'hex')), /malformed notice/],
  [
    'sends objects without end',
    (send) => {
      send(VERSION);
      const text = 'x'.repeat(100_000);
      for (let i = 0; i < 200; i++) send(data('UPDATE', 'Flavor', make.flavor(`${i} ${text}`)));
    },
    /more objects than are kept: 4194304 bytes/,
  ],
  [
    'wants to be left alone for seven weeks',
    (send) => send({ drain: { reason: 'r'.repeat(1000), retryAfterMs: 2 ** 32 - 1 } }),
    /notify peer leaves: r{300}\.\.\.$/,
  ],
];

for (const [what, onNotice, says] of SERVERS) {
  test(what, async () => {
    const bad = await rawServer((_notice, send) => onNotice(send));
    const flavors = table('Flavor');
    flavors.put(make.flavor('good'));
    const { server, address } = await startServer({ sources: [flavors as never] });
    const lines: { reason?: string; retryInMs?: number }[] = [];
    const mirror = table('Flavor');
    const client = newClient(bad.address, {
      addrs: [bad.address, address],
      random: { next: () => 0 },
      receivers: [mirror as never],
      maxVersion: 1,
      limits: { handshakeTimeoutMs: 1000, maxHeldBytes: 4 * MIB },
      logger: createLogger({
        name: 'test',
        destination: { write: (line) => void lines.push(JSON.parse(line)) },
      }),
    });
    client.start();
    const lost = () => lines.find(({ reason }) => says.test(reason ?? ''));
    await until(() => lost() !== undefined, `${says}`);
    if (what.startsWith('wants')) assert.is(lost()?.retryInMs, 10 * 60_000);
    else {
      await client.when('synced');
      assert.is(mirror.size, 1, 'it holds what the good one has');
    }
    await client.stop();
    await bad.stop();
    await server.stop();
  });
}

test.run();
