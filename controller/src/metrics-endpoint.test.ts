import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TestController } from './testing.js';

test('a controller says how it is, to whoever asks at its metrics address', async () => {
  const t = await TestController.start({}, { metricsAddr: '127.0.0.1:0' });
  const url = `http://${t.controller.addresses['metrics']}`;
  assert.is(await (await fetch(`${url}/healthz`)).text(), 'ok\n');
  await t.run('create', 'Flavor', { key: { name: 'small' }, ram: 1n, vcpus: 1n, disk: 1n });
  await t.agent();
  const text = await (await fetch(`${url}/metrics`)).text();
  assert.match(text, '\nedgeplane_objects{type="Flavor"} 1\n');
  assert.match(text, /\nedgeplane_notify_sessions\{version="[12]",state="synced"\} 1\n/);
  assert.match(text, '\nedgeplane_connections_open 1\n');
  await t.stop();
  await fetch(`${url}/healthz`).then(
    () => assert.unreachable('the listener is closed with the controller'),
    () => undefined,
  );
});

test('without an address there is no listener', async () => {
  const t = await TestController.start();
  assert.is(t.controller.addresses['metrics'], undefined);
  await t.stop();
});

test.run();
