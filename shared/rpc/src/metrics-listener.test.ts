import { EdgeplaneError, silentLogger } from '@edgeplane/base';
import { defineMetrics, Metrics } from '@edgeplane/observe';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { serveMetrics } from './metrics-listener.js';

const { doors } = defineMetrics({ doors: { kind: 'gauge', name: 'edgeplane_doors', help: 'Doors.' } });

async function listener(health: () => string | undefined = () => undefined, read = () => 3) {
  const metrics = new Metrics();
  metrics.read({ doors }, { doors: read });
  const options = { address: '127.0.0.1:0', metrics, health, tls: undefined, logger: silentLogger };
  const { address, stop } = await serveMetrics(options);
  return { url: `http://${address}`, address, stop };
}

test('metrics of the process and of its parts are served', async () => {
  const { url, stop } = await listener();
  const response = await fetch(`${url}/metrics`);
  assert.is(response.status, 200);
  assert.match(response.headers.get('content-type') ?? '', 'text/plain; version=0.0.4');
  const text = await response.text();
  assert.match(text, '\nedgeplane_doors 3\n');
  assert.match(text, '\nprocess_resident_memory_bytes ');
  assert.match(text, '\nprocess_cpu_seconds_total ');
  await stop();
});

test('health says why a process is not ready', async () => {
  let reason: string | undefined = 'starting';
  const { url, stop } = await listener(() => reason);
  const starting = await fetch(`${url}/healthz`);
  assert.equal([starting.status, await starting.text()], [503, 'starting\n']);
  reason = undefined;
  const ready = await fetch(`${url}/healthz`);
  assert.equal([ready.status, await ready.text()], [200, 'ok\n']);
  await stop();
});

test('nothing else is answered', async () => {
  const { url, stop } = await listener();
  assert.is((await fetch(`${url}/`)).status, 404);
  assert.is((await fetch(`${url}/metrics`, { method: 'POST' })).status, 405);
  await stop();
  await fetch(`${url}/healthz`).then(
    () => assert.unreachable(),
    () => undefined,
  );
});

test('what cannot be read is an error, of which nothing is told', async () => {
  const { url, stop } = await listener(undefined, () => {
    throw new Error('a secret');
  });
  const response = await fetch(`${url}/metrics`);
  assert.equal([response.status, await response.text()], [500, 'metrics could not be read\n']);
  await stop();
});

test('an address in use is named', async () => {
  const { address, stop } = await listener();
  const options = {
    address,
    metrics: new Metrics(),
    health: () => undefined,
    tls: undefined,
    logger: silentLogger,
  };
  await serveMetrics(options).then(
    () => assert.unreachable(),
    (error: unknown) => {
      assert.ok(error instanceof EdgeplaneError);
      assert.is(error.code, 'LISTEN_FAILED');
      assert.match(error.message, address);
    },
  );
  await stop();
});

test.run();
