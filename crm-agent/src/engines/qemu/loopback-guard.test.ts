// test: timeout=240s serial
/** What of its host a guest on a network of QEMU's own reaches. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { waitForHttp } from './reachable.js';
import {
  boot,
  clearEngine,
  type EngineContext,
  freePort,
  guestImage,
  local,
  openEngine,
  specOf,
  user,
} from './testing.js';

const test = suite<EngineContext & { servers: Server[] }>('loopback of the host');
test.before(async (c) => {
  c.image = await guestImage();
  c.servers = [];
});
test.before.each(openEngine);
test.after.each(async (c) => {
  for (const server of c.servers) server.close();
  await clearEngine(c);
});

async function serve(servers: Server[], address: string): Promise<number> {
  const server = createServer((_, answer) => answer.end('reached')).listen(0, address);
  servers.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** An address by which others reach this host. */
function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((links) => links ?? []);
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '';
}

test('a guest does not reach what listens on the loopback only, and reaches what others reach', async (c) => {
  const [hidden, open] = [await serve(c.servers, '127.0.0.1'), await serve(c.servers, '0.0.0.0')];
  const own = ownAddress();
  const places = [`10.0.2.2 ${hidden}`, `10.0.2.4 ${hidden}`, `10.0.2.2 ${open}`, `${own} ${open}`];
  const asks = places.map(
    (place) => `  - |
    got=$( (printf 'GET / HTTP/1.0\\r\\n\\r\\n'; sleep 2) | timeout 5 nc ${place} | tail -n 1)
    echo "\${got:-refused}" >> /srv/www/all.part`,
  );
  const userData = `#cloud-config\nruncmd:\n${asks.join('\n')}\n  - [mv, /srv/www/all.part, "/srv/www/all.txt"]\n`;
  const web = await freePort();
  const cloudInit = { instanceId: 'i-1', hostname: 'guest', userData };
  await c.engine.create(specOf(c, { nics: user(local('tcp', web, 8080)), cloudInit }));
  await c.engine.start('vm');
  let text = '';
  while (!/^(reached|refused)/.test(text)) text = await waitForHttp('127.0.0.1', web, '/all.txt', boot);
  assert.equal(text.trim().split('\n'), ['refused', 'refused', 'refused', 'reached']);
});

test.run();
