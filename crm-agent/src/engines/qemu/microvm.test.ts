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
  until,
  user,
} from './testing.js';

const test = suite<EngineContext>('microVM');
test.before(async (c) => {
  c.image = await guestImage();
});
test.before.each(openEngine);
test.after.each(clearEngine);

/** Asks several times, one after the other and with an answer of some length, until all is as it should be. */
const ASK = `#!/bin/sh
get() {
  { printf 'GET /latest/%s HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' "$1"; sleep 1; } |
    timeout 2 nc 169.254.169.254 80 | sed '1,/^\\r$/d'
}
while :; do
  {
    get meta-data/instance-id; echo
    get meta-data/hostname; echo
    get meta-data | sed -n 's/instance-id: "\\(.*\\)"/\\1/p'
    echo big $(get user-data | wc -c)
  } >/srv/www/told.part
  mv /srv/www/told.part /srv/www/told.txt
done
#`.padEnd(100_001, '#');

test('boots its kernel, reads its seed from the last disk, answers, and heeds the power button', async (c) => {
  const port = await freePort();
  const beside = c.image.replace(/\.qcow2$/, '');
  const cmdline = 'root=/dev/vda1 console=ttyS0 quiet net.ifnames=0 panic=5';
  await c.engine.create(
    specOf(c, {
      machine: 'microvm',
      kernel: { path: `${beside}.vmlinuz`, initrd: `${beside}.initrd`, cmdline },
      nics: [...user(local('tcp', port, 8080)), { type: 'metadata' }],
      extraDisks: [{ name: 'db', sizeMib: 8 }],
      cloudInit: { instanceId: 'i-micro', hostname: 'micro', userData: ASK },
    }),
  );
  await c.engine.start('vm');
  assert.match(await waitForHttp('127.0.0.1', port, '/', boot), 'instance-id: i-micro');
  const told = () => waitForHttp('127.0.0.1', port, '/told.txt', boot);
  const want = 'i-micro\nmicro\ni-micro\nbig 100001\n';
  await until('the guest was told', async () => (await told()) === want);
  assert.is(await c.engine.stop('vm', { graceMs: 60_000 }), 'powerdown');
});

test.run();
