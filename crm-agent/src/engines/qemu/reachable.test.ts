import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { isKind, systemClock } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { qemuErrors } from './errors.js';
import { waitForHttp, waitForTcp } from './reachable.js';

const test = suite('reachable');

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

test('waits over refusals, silence and server errors until the first answer', async () => {
  let asked = 0;
  const server = createHttpServer((request, response) => {
    asked += 1;
    if (asked === 1) return;
    if (asked === 2) request.socket.destroy();
    else response.writeHead(asked === 3 ? 503 : 404).end(`answer ${asked}`);
  });
  const port = await listening(server);
  await waitForTcp('127.0.0.1', port, { clock: systemClock, deadlineMs: 5000 });
  const body = await waitForHttp('127.0.0.1', port, '/', { clock: systemClock, deadlineMs: 10_000 });
  // Tries overlap, so on a slow machine a later one may be answered first.
  assert.match(body, /^answer ([4-9]|\d\d)$/);
  server.closeAllConnections();
  server.close();
});

test('says what was not reached, for how long, and why', async () => {
  const server = createServer();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  const error = await waitForTcp('127.0.0.1', port, { clock: systemClock, deadlineMs: 400 }).catch(
    (e: unknown) => e,
  );
  assert.ok(isKind(error, qemuErrors.notReachable));
  assert.match(
    (error as Error).message,
    new RegExp(`tcp 127.0.0.1:${port} did not answer in 400 ms: .*ECONNREFUSED`),
  );
});

test('an abort ends the wait', async () => {
  const abort = new AbortController();
  const waiting = waitForTcp('127.0.0.1', 1, {
    clock: systemClock,
    deadlineMs: 60_000,
    signal: abort.signal,
  });
  abort.abort(new Error('no longer wanted'));
  assert.match((await waiting.catch((e: Error) => e.message)) as string, 'no longer wanted');
});

test.run();
