// test: timeout=180s serial
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

const test = suite<EngineContext>('microVM');
test.before(async (c) => {
  c.image = await guestImage();
});
test.before.each(openEngine);
test.after.each(clearEngine);

test('boots its kernel, reads its seed from the last disk, answers, and heeds the power button', async (c) => {
  const port = await freePort();
  const beside = c.image.replace(/\.qcow2$/, '');
  const cmdline = 'root=/dev/vda1 console=ttyS0 quiet net.ifnames=0 panic=5';
  await c.engine.create(
    specOf(c, {
      machine: 'microvm',
      kernel: { path: `${beside}.vmlinuz`, initrd: `${beside}.initrd`, cmdline },
      nics: user(local('tcp', port, 8080)),
      extraDisks: [{ name: 'db', sizeMib: 8 }],
      cloudInit: { instanceId: 'i-micro', hostname: 'micro' },
    }),
  );
  await c.engine.start('vm');
  assert.match(await waitForHttp('127.0.0.1', port, '/', boot), 'instance-id: i-micro');
  assert.is(await c.engine.stop('vm', { graceMs: 60_000 }), 'powerdown');
});

test.run();
