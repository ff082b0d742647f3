import { connect as connectHttp2 } from 'node:http2';
import { silentLogger } from '@edgeplane/base';
import { Client, type ClientDuplexStream } from '@grpc/grpc-js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bidiStream, connect, frameOf, type MessageStream, messageStream, RpcServer } from './index.js';

const PATH = '/test.Streams/Talk';
const same = (bytes: Buffer) => bytes;
const SERVICE = {
  talk: {
    path: PATH,
    requestStream: true as const,
    responseStream: true as const,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  },
};
const MAX_BYTES = 1000;

/** A server whose calls are handled by `talk`. */
async function start(talk: (stream: MessageStream) => Promise<void>) {
  const server = new RpcServer({ logger: silentLogger, name: 'streams' });
  server.addService(SERVICE, { talk: bidiStream((call) => talk(messageStream(call, MAX_BYTES))) });
  return { server, address: await server.listen('127.0.0.1:0') };
}

/** Answers every message with itself, until the client ends. */
function echo(stream: MessageStream): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.on('data', (message) => stream.write(message));
    stream.on('end', resolve);
    stream.on('error', reject);
    stream.resume();
  });
}

type Call = ClientDuplexStream<Buffer, Buffer>;

/** What a call gets, and how it ends. */
function heard(call: Call): Promise<{ messages: Buffer[]; status: string }> {
  const messages: Buffer[] = [];
  call.on('data', (message: Buffer) => messages.push(message));
  call.on('error', () => undefined);
  return new Promise((resolve) => {
    call.on('status', ({ code, details }) => resolve({ messages, status: `${code} ${details}` }));
  });
}

async function withClient<T>(address: string, work: (call: Call) => Promise<T>): Promise<T> {
  const client = connect(Client, address);
  try {
    return await work(client.makeBidiStreamRequest(PATH, same, same));
  } finally {
    client.close();
  }
}

test('messages of all sizes come and go in order, and the end of the call is its own', async () => {
  const { server, address } = await start(echo);
  const sizes = [0, 1, 4, 5, 999, 1000, 7, 500];
  const { messages, status } = await withClient(address, (call) => {
    const all = heard(call);
    for (const [i, size] of sizes.entries()) call.write(Buffer.alloc(size, i));
    call.end();
    return all;
  });
  assert.equal(
    messages.map((message) => [message.length, message[0] ?? 0]),
    sizes.map((size, i) => [size, size > 0 ? i : 0]),
  );
  assert.is(status, '0 OK');
  await server.stop();
});

test('a message that is too large, or compressed without a word, ends the call with the reason', async () => {
  const { server, address } = await start(echo);
  const large = await withClient(address, (call) => {
    const all = heard(call);
    call.write(Buffer.alloc(3));
    call.write(Buffer.alloc(MAX_BYTES + 1));
    return all;
  });
  assert.equal(
    [large.messages.length, large.status],
    [1, '8 Received message larger than max (1001 vs 1000)'],
  );
  const session = connectHttp2(`http://${address}`);
  const stream = session.request({ ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc' });
  const frame = frameOf(Buffer.from('zip'));
  frame[0] = 1;
  stream.write(frame);
  const ended = new Promise<unknown>((resolve) => {
    stream.on(
      'response',
      (headers) => headers['grpc-status'] !== undefined && resolve(headers['grpc-status']),
    );
    stream.on('trailers', (headers) => resolve(headers['grpc-status']));
  });
  assert.is(await ended, '13');
  session.destroy();
  await server.stop();
});

test('a client that compresses, and says so, is understood', async () => {
  const { server, address } = await start(echo);
  const client = connect(Client, address);
  const gzip = new Client(address, (await import('@grpc/grpc-js')).credentials.createInsecure(), {
    'grpc.default_compression_algorithm': 2,
  });
  const call = gzip.makeBidiStreamRequest(PATH, same, same);
  const all = heard(call);
  call.write(Buffer.from('many many many many many words'));
  call.end();
  assert.equal(String((await all).messages[0]), 'many many many many many words');
  gzip.close();
  client.close();
  await server.stop();
});

test('what is not taken waits: messages of one chunk come one by one when each is asked for', async () => {
  const taken: number[] = [];
  let ask: () => void = () => undefined;
  let asked: Promise<void> = new Promise((resolve) => {
    ask = resolve;
  });
  const { server, address } = await start(
    (stream) =>
      new Promise((resolve) => {
        stream.on('data', (message) => {
          taken.push(message[0] ?? 0);
          stream.pause();
          void asked.then(() => stream.resume());
        });
        stream.on('end', resolve);
        stream.resume();
      }),
  );
  await withClient(address, async (call) => {
    const all = heard(call);
    for (let i = 1; i <= 5; i++) call.write(Buffer.alloc(3, i));
    call.end();
    while (taken.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(taken, [1]);
    ask();
    asked = Promise.resolve();
    await all;
  });
  assert.equal(taken, [1, 2, 3, 4, 5]);
  await server.stop();
});

test('a connection that breaks closes the stream', async () => {
  let closed: () => void = () => undefined;
  const isClosed = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const { server, address } = await start((stream) => {
    stream.on('close', closed);
    return echo(stream);
  });
  const session = connectHttp2(`http://${address}`);
  const stream = session.request({ ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc' });
  stream.on('error', () => undefined);
  stream.write(frameOf(Buffer.from('x')));
  await new Promise((resolve) => stream.once('data', resolve));
  session.destroy();
  await isClosed;
  await server.stop();
});

test.run();
