import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock, silentLogger } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { VncGateway } from './vnc-gateway.js';

interface Context {
  dir: string;
  display: Server;
  clock: ManualClock;
  gateway: VncGateway;
  base: string;
}
const test = suite<Context>('displays over WebSocket');

test.before.each(async (c) => {
  c.dir = await mkdtemp(join(tmpdir(), 'vnc-'));
  const path = join(c.dir, 'vnc.sock');
  c.display = createServer((socket) => {
    socket.write('RFB 003.008\n');
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => c.display.listen(path, resolve));
  c.clock = new ManualClock();
  c.gateway = new VncGateway({
    clock: c.clock,
    logger: silentLogger,
    socketOf: async (id) => {
      if (id === 'vm') return path;
      throw new Error(`no display ${id}`);
    },
  });
  const { host, port } = await c.gateway.start();
  assert.is(host, '127.0.0.1');
  c.base = `ws://${host}:${port}`;
});
test.after.each(async (c) => {
  await c.gateway.stop();
  c.display.close();
  await rm(c.dir, { recursive: true, force: true });
});

/** Connects, says something, and gives what came back; the HTTP status when it was refused. */
function talk(url: string, say: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const client = new WebSocket(url, 'binary');
    let heard = '';
    client.on('open', () => client.send(Buffer.from(say)));
    client.on('message', (data) => {
      heard += String(data);
      if (heard.endsWith(say)) client.close();
    });
    client.on('close', () => resolve(`${client.protocol} ${heard}`));
    client.on('unexpected-response', (_, response) => {
      resolve(String(response.statusCode));
      client.terminate();
    });
    client.on('error', reject);
  });
}

test('a ticket opens the display once; without one, or late, nobody gets in', async (c) => {
  const { path } = await c.gateway.ticket('vm');
  assert.is(await talk(`${c.base}${path}`, 'hello'), 'binary RFB 003.008\nhello');
  assert.is(await talk(`${c.base}${path}`, 'again'), '401');
  assert.is(await talk(`${c.base}/vnc`, 'no'), '401');
  assert.is(await talk(`${c.base}/vnc?ticket=`, 'no'), '401');
  const late = await c.gateway.ticket('vm');
  c.clock.advance(60_000);
  assert.is(await talk(`${c.base}${late.path}`, 'late'), '401');
  const elsewhere = await c.gateway.ticket('vm');
  assert.is(await talk(`${c.base}${elsewhere.path.replace('/vnc', '/other')}`, 'no'), '401');
});

test('a machine without a display has no ticket', async (c) => {
  const error = await c.gateway.ticket('none').then(
    () => undefined,
    (e: unknown) => e,
  );
  assert.match(String(error), 'no display none');
});

test('connections end with the gateway', async (c) => {
  const { path } = await c.gateway.ticket('vm');
  const client = new WebSocket(`${c.base}${path}`);
  const closed = new Promise<void>((resolve) => client.on('close', () => resolve()));
  await new Promise<void>((resolve) => client.on('message', () => resolve()));
  await c.gateway.stop();
  await closed;
});

test.run();
