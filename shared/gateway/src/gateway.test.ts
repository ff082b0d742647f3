/** The bounds of a gateway, for callers that are strangers. */
import { connect, type Socket } from 'node:net';
import { silentLogger, systemClock } from '@edgeplane/base';
import { MatchEngineApiService } from '@edgeplane/proto/dme/app-client.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startGateway } from './gateway.js';
import type { GatewayLimits } from './limits.js';
import { UnderWay } from './under-way.js';

function gateway(limits: Partial<GatewayLimits>) {
  return startGateway({
    address: '127.0.0.1:0',
    services: [MatchEngineApiService],
    // Nothing that is asked here gets that far.
    api: '127.0.0.1:1',
    token: 't',
    enums: 'proto',
    parameters: [],
    title: 'test',
    version: '1',
    limits,
    logger: silentLogger,
    clock: systemClock,
  });
}

/** What comes on a connection until it is closed, after `text` was sent. */
function talk(address: string, text: string): { readonly socket: Socket; readonly closed: Promise<string> } {
  const [host, port] = address.split(':');
  const socket = connect({ host, port: Number(port) }, () => socket.write(text));
  let got = '';
  socket.on('data', (chunk) => {
    got += String(chunk);
  });
  socket.on('error', () => undefined);
  return { socket, closed: new Promise((resolve) => socket.on('close', () => resolve(got))) };
}

const HEAD = 'POST /v1/registerclient HTTP/1.1\r\nHost: x\r\n';

test('a request that takes too long to come is given up', async () => {
  const { address, stop } = await gateway({ requestMs: 200 });
  const began = talk(address, `${HEAD}Content-Length: 100\r\n\r\n{"dev_name":`);
  assert.match(await began.closed, /^(HTTP\/1\.1 408 |$)/);
  await stop();
});

test('connections beyond the limit are closed as they come', async () => {
  const { address, stop } = await gateway({ connections: 1 });
  const first = talk(address, HEAD);
  await new Promise((resolve) => first.socket.once('connect', resolve));
  assert.is(await talk(address, HEAD).closed, '');
  first.socket.destroy();
  await first.closed;
  await stop();
});

test('one address has only so many requests under way', () => {
  const underWay = new UnderWay(2);
  const ends = [underWay.begin('a'), underWay.begin('a')];
  assert.throws(() => underWay.begin('a'), 'more than 2 requests from your address are under way');
  underWay.begin('b');
  ends[0]?.();
  underWay.begin('a');
  assert.throws(() => underWay.begin('a'));
});

test('a body that is too long is refused with the limit', async () => {
  const { address, stop } = await gateway({ bodyBytes: 10 });
  const body = '{"dev_name": "longer than that"}';
  const asked = talk(address, `${HEAD}Connection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  const answer = await asked.closed;
  assert.match(answer, 'HTTP/1.1 400 ');
  assert.match(answer, '"the request body has more than 10 bytes"');
  await stop();
});

test.run();
