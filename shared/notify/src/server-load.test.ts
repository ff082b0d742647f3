import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hello, make, rawClient, startServer, table, until } from './testing.js';

test('a peer that does not read costs a bounded number of keys and is let go beyond the cap', async () => {
  const flavors = table('Flavor');
  const { server, address } = await startServer({
    sources: [flavors],
    limits: { maxDirtyKeys: 500 },
  });
  const slow = rawClient(address);
  slow.send(hello(['Flavor']));
  await until(() => slow.notices.length === 2);
  slow.pause();
  const big = 'b'.repeat(50_000);
  // The same 100 keys again and again: what waits stays at 100 at most.
  for (let i = 0; i < 50; i++) {
    for (let k = 0; k < 100; k++) flavors.put(make.flavor(`${big}${k}`, BigInt(i)));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.is(server.waiting().get(0n), 100);
  assert.ok(
    server.counters.noticesSent < 1000,
    `${server.counters.noticesSent} sent to a peer that reads none`,
  );
  for (let k = 0; k < 600; k++) flavors.put(make.flavor(`other ${k}`));
  await until(() => server.peers().length === 0);
  slow.resume();
  await until(() => slow.ended !== undefined);
  assert.is(slow.ended?.code, 8);
  assert.match(slow.ended?.details ?? '', /too slow: more than 500 changes/);
  slow.close();
  await server.stop();
});

test('one change for 200 peers is encoded once', async () => {
  let encodes = 0;
  const flavors = table('Flavor');
  const counting = {
    type: {
      ...flavors.type,
      toWire(object: Parameters<typeof flavors.type.toWire>[0]) {
        encodes += 1;
        return flavors.type.toWire(object);
      },
    },
    keys: () => flavors.keys(),
    get: (keyJson: string) => flavors.get(keyJson),
    subscribe: (listener: (keyJson: string) => void) => flavors.subscribe(listener),
  };
  const { server, address } = await startServer({ sources: [counting] });
  const peers = Array.from({ length: 200 }, () => rawClient(address));
  for (const peer of peers) peer.send(hello(['Flavor']));
  await until(() => peers.every((peer) => peer.notices.length === 2), '200 peers connected');
  flavors.put(make.flavor('f'));
  await until(() => peers.every((peer) => peer.notices.length === 3), 'the change everywhere');
  assert.is(encodes, 1);
  flavors.delete({ name: 'f' });
  await until(() => peers.every((peer) => peer.notices.length === 4), 'the deletion everywhere');
  assert.is(encodes, 2);
  for (const peer of peers) peer.close();
  await server.stop();
});

test.run();
