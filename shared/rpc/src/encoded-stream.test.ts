import { connect as connectHttp2 } from 'node:http2';
import { defineErrors, fail, silentLogger } from '@edgeplane/base';
import { Flavor, FlavorApiClient, FlavorApiService } from '@edgeplane/proto/edgeproto/flavor.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { callStream, connect, encodedStream, frameOf, RpcServer, unary } from './index.js';

const errors = defineErrors({ ENOUGH: ['RESOURCE_EXHAUSTED', 'that was enough'] });
const flavor = (name: string) => Flavor.fromPartial({ key: { name }, ram: 1n });

/** A server whose Show yields what the request's name says: `<count>` or `<count>!` with a failure at the end. */
async function start() {
  const seen = { made: 0, ended: false };
  const server = new RpcServer({ logger: silentLogger, name: 'encoded' });
  const refuse = unary(async () => ({ message: '', code: 0 }));
  server.addService(FlavorApiService, {
    createFlavor: refuse,
    deleteFlavor: refuse,
    updateFlavor: refuse,
    showFlavor: encodedStream<Flavor, Flavor>(function* (request) {
      const name = request.key?.name ?? '';
      try {
        for (let i = 0; i < Number.parseInt(name, 10); i++) {
          seen.made += 1;
          const message = flavor(`${i} ${'x'.repeat(i % 300)}`);
          yield i % 3 === 2 ? undefined : { message, frame: frameOf(Flavor.encode(message).finish()) };
        }
        if (name.endsWith('!')) throw fail(errors.ENOUGH);
      } finally {
        seen.ended = true;
      }
    }),
  });
  return { server, seen, address: await server.listen('127.0.0.1:0') };
}

async function read(address: string, name: string): Promise<{ names: string[]; error: string | undefined }> {
  const client = connect(FlavorApiClient, address);
  const names: string[] = [];
  try {
    for await (const { key } of callStream(client, 'showFlavor', flavor(name))) names.push(key?.name ?? '');
    return { names, error: undefined };
  } catch (error) {
    return { names, error: (error as Error).message };
  } finally {
    client.close();
  }
}

const expected = (count: number) =>
  Array.from({ length: count }, (_, i) => i)
    .filter((i) => i % 3 !== 2)
    .map((i) => `${i} ${'x'.repeat(i % 300)}`);

test('messages arrive whole and in order, however many', async () => {
  const { server, address } = await start();
  for (const count of [0, 1, 3, 700, 9000]) {
    assert.equal(await read(address, `${count}`), { names: expected(count), error: undefined });
  }
  await server.stop();
});

test('a failure comes after the messages before it', async () => {
  const { server, address } = await start();
  assert.equal(await read(address, '1000!'), { names: expected(1000), error: 'that was enough' });
  assert.equal(await read(address, '0!'), { names: [], error: 'that was enough' });
  await server.stop();
});

test('a client that does not read holds up only its own stream, which ends with it', async () => {
  const { server, seen, address } = await start();
  const slow = connectHttp2(`http://${address}`);
  slow.on('error', () => undefined);
  const headers = { ':method': 'POST', ':path': FlavorApiService.showFlavor.path, te: 'trailers' };
  const stream = slow.request({ ...headers, 'content-type': 'application/grpc' });
  stream.on('error', () => undefined);
  stream.pause();
  stream.end(frameOf(Flavor.encode(flavor('1000000')).finish()));
  await new Promise((resolve) => stream.on('response', resolve));
  assert.equal((await read(address, '3000')).names, expected(3000));
  const { made } = seen;
  assert.equal((await read(address, '3000')).names, expected(3000));
  assert.is(seen.made, made + 3000, 'nothing more is made for who does not read');
  assert.ok(made < 3000 + 3000, `${made} messages made`);
  seen.ended = false;
  slow.destroy();
  while (!seen.ended) await new Promise((resolve) => setImmediate(resolve));
  await server.stop();
});

test.run();
