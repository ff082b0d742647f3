// test: timeout=240s serial
/** Debian's own guest agent, in a guest. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { clearEngine, type EngineContext, guestImage, openEngine, specOf, until } from './testing.js';

const test = suite<EngineContext>('guest agent in a guest');
test.before(async (c) => {
  c.image = await guestImage();
});
test.before.each(openEngine);
test.after.each(clearEngine);

const AGENT = '/usr/sbin/qemu-ga';
const run = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: 'utf8' });

/** A disk with the host's guest agent, which is Debian's, and the libraries that it needs. */
function agentDisk(dir: string): string {
  const files = join(dir, 'agent');
  mkdirSync(files);
  const libraries = [...run('ldd', AGENT).matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? '');
  for (const file of [AGENT, ...libraries]) copyFileSync(file, join(files, file.split('/').at(-1) ?? ''));
  const disk = join(dir, 'agent.img');
  run('mke2fs', '-q', '-t', 'ext4', '-d', files, disk, '32M');
  return disk;
}

/** Debian's agent asks `shutdown`; this guest has only what that does. */
const USER_DATA = `#!/bin/sh
mkdir -p /ga /var/run
mount -o ro /dev/vdb /ga
printf '#!/bin/sh\\npoweroff\\n' > /sbin/shutdown
chmod 755 /sbin/shutdown
printf 'PRETTY_NAME="Debian of the test"\\n' > /etc/os-release
for port in /sys/class/virtio-ports/*; do
  [ "$(cat $port/name)" = org.qemu.guest_agent.0 ] || continue
  /ga/ld-linux-x86-64.so.2 --library-path /ga /ga/qemu-ga -m virtio-serial -p /dev/$(basename $port) -f /var/run/qga.pid &
done
`;

test("Debian's agent answers, holds file systems still for a snapshot, and shuts its guest down", async (c) => {
  await c.engine.create(
    specOf(c, {
      cloudInit: { instanceId: 'i-1', hostname: 'asked', userData: USER_DATA },
      extraDisks: [{ name: 'agent', image: agentDisk(c.dir), readOnly: true }],
    }),
  );
  await c.engine.start('vm');
  await until('the agent answers', () => c.engine.guest.ping('vm'));
  const info = await c.engine.guest.info('vm');
  assert.is(info?.hostname, 'asked');
  assert.is(info?.os, 'Debian of the test');
  assert.match(info?.agentVersion ?? '', /^\d+\.\d+/);
  assert.ok(
    info?.addresses.some(({ ip }) => ip === '10.0.2.15'),
    JSON.stringify(info),
  );

  const taken = await c.engine.snapshots.create('vm', { name: 'still' });
  assert.is(taken.frozen, true, 'its file systems were held still');
  assert.is(await c.engine.guest.ping('vm'), true, 'and went on');
  await c.engine.snapshots.delete('vm', 'still');

  assert.is(await c.engine.stop('vm', { graceMs: 120_000 }), 'agent');
  assert.is((await c.engine.status('vm')).state, 'stopped');
});

test.run();
