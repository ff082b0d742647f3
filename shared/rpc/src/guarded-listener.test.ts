import { connect as http2Connect } from 'node:http2';
import { connect as tcpConnect } from 'node:net';
import { createLogger } from '@edgeplane/base';
import { FlavorApiClient, FlavorApiService } from '@edgeplane/proto/edgeproto/flavor.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { callUnary, connect } from './client.js';
import type { ConnectionLimits } from './guarded-listener.js';
import { serverStream, unary } from './handler.js';
import { RpcServer } from './server.js';

const LIMITS: ConnectionLimits = {
  max: 100,
  maxPerAddress: 100,
  firstCallMs: 60_000,
  lingerMs: 60_000,
  maxStreams: 4,
};
const flavor = (name: string) => ({ fields: [], key: { name }, ram: 1n, vcpus: 1n, disk: 1n, devices: [] });

async function start(limits: Partial<ConnectionLimits>) {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) };
  const server = new RpcServer({
    logger: createLogger({ name: 'test', destination }),
    name: 'test',
    connections: { ...LIMITS, ...limits },
  });
  const answer = unary(async () => ({ message: 'done', code: 0 }));
  server.addService(FlavorApiService, {
    createFlavor: answer,
    deleteFlavor: answer,
    updateFlavor: answer,
    showFlavor: serverStream(async (_request, send, context) => {
      // Gives up waiting for a reader, and leaves it to the server to be rid of what was sent.
      void send(flavor('x'.repeat(3_000_000)));
      await new Promise((resolve) => setImmediate(resolve));
      assert.not.ok(context.signal.aborted);
    }),
  });
  const address = await server.listen('127.0.0.1:0');
  const port = Number(address.split(':')[1]);
  return { server, address, port, lines };
}

/** A TCP connection, which may write; resolves when the other side has closed it. */
function peer(port: number, bytes?: Buffer) {
  const socket = tcpConnect(port, '127.0.0.1');
  const open = new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => undefined);
  socket.resume();
  if (bytes) socket.write(bytes);
  return { socket, open, closed };
}

test('more connections of an address than may be are closed, and told of together', async () => {
  const t = await start({ maxPerAddress: 3 });
  const first = [peer(t.port), peer(t.port), peer(t.port)];
  await Promise.all(first.map(({ open }) => open));
  for (let i = 0; i < 50; i++) await peer(t.port).closed;
  assert.is(t.server.connectionCounters.refused, 50);
  const said = () => t.lines.filter(({ msg }) => String(msg).startsWith('Connections refused'));
  assert.equal(
    said().map(({ times, what, limit }) => [times, what, limit]),
    [[1, 'of one address', 3]],
  );
  first[0]?.socket.destroy();
  await first[0]?.closed;
  const client = connect(FlavorApiClient, t.address);
  assert.is((await callUnary(client, 'createFlavor', flavor('f'))).message, 'done', 'there is room again');
  client.close();
  for (const { socket } of first) socket.destroy();
  await t.server.stop(100);
  assert.is(said().at(-1)?.['times'], 49, 'all have been told of');
});

test('who never makes a call is let go: silent, with half a preface, with nothing but a preface', async () => {
  const t = await start({ firstCallMs: 200 });
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1');
  const silent = [peer(t.port), peer(t.port, preface.subarray(0, 11)), peer(t.port, preface)];
  const client = connect(FlavorApiClient, t.address);
  await callUnary(client, 'createFlavor', flavor('f'));
  await Promise.all(silent.map(({ closed }) => closed));
  assert.is((await callUnary(client, 'createFlavor', flavor('f'))).message, 'done');
  assert.is(t.server.connectionCounters.brokenOff, 3);
  assert.is(t.lines.filter(({ reason }) => reason === 'no call came').length, 3);
  client.close();
  await t.server.stop(100);
});

test('who does not read its answer is let go with all that waits for it', async () => {
  const t = await start({ lingerMs: 200 });
  const session = http2Connect(`http://${t.address}`);
  session.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => session.once('close', () => resolve()));
  const stream = session.request({
    ':method': 'POST',
    ':path': '/edgeproto.FlavorApi/ShowFlavor',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => undefined);
  // An empty message.
  stream.end(Buffer.alloc(5));
  await closed;
  assert.ok(t.lines.some(({ reason }) => reason === 'its answer is not read'));
  await t.server.stop(100);
});

test.run();
