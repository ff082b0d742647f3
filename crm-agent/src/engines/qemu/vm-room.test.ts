// test: timeout=240s serial
/** What a full disk does to machines: to those that are made, and to those that write. */
import { execFile } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { silentLogger, systemClock } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { QemuEngine } from './engine.js';
import { waitForHttp } from './reachable.js';
import {
  boot,
  clearEngine,
  type EngineContext,
  engineAt,
  failure,
  freePort,
  guestImage,
  local,
  openEngine,
  specOf,
  until,
  user,
} from './testing.js';

const run = promisify(execFile);
const test = suite<EngineContext & { troubles: (string | undefined)[] }>('room for machines');
test.before(async (c) => {
  c.image = await guestImage();
});
test.before.each(async (c) => {
  await openEngine(c);
  await run('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'edgeplane-test', c.dir]);
  c.troubles = [];
  const onTrouble = (_id: string, trouble: string | undefined) => void c.troubles.push(trouble);
  c.engine = new QemuEngine({ stateDir: c.dir, clock: systemClock, logger: silentLogger, onTrouble });
});
test.after.each(async (c) => {
  await clearEngine({ ...c, dir: c.dir }).catch(() => undefined);
  // Threads of an ended process hold its files for a moment.
  await until('nothing is open', () =>
    run('umount', [c.dir]).then(
      () => true,
      () => false,
    ),
  );
  await rm(c.dir, { recursive: true, force: true });
});

/** Takes all room but so many KiB. */
async function fill(dir: string, leftKib: number): Promise<void> {
  const { stdout } = await run('df', ['-k', '--output=avail', dir]);
  const kib = Number(stdout.split('\n')[1]) - leftKib;
  await run('dd', ['if=/dev/zero', `of=${join(dir, 'ballast')}`, 'bs=1024', `count=${kib}`]);
}

test('a guest that writes to a full disk waits, is told of, and goes on when there is room', async (c) => {
  const web = await freePort();
  const userData = `#cloud-config
runcmd:
  - dd if=/dev/zero of=/dev/vdb bs=1M oflag=direct count=48 && echo whole > /srv/www/done.part
  - [mv, /srv/www/done.part, "/srv/www/done.txt"]
`;
  await c.engine.create(
    specOf(c, {
      nics: user(local('tcp', web, 8080)),
      cloudInit: { instanceId: 'i-1', hostname: 'guest', userData },
      extraDisks: [{ name: 'db', sizeMib: 48 }],
    }),
  );
  await c.engine.start('vm');
  await until('it waits', async () => c.troubles.length > 0);
  assert.match(c.troubles[0] ?? '', 'no room is left below');
  const { state, trouble, pid } = await c.engine.status('vm');
  assert.is(state, 'running');
  assert.is(trouble, c.troubles[0]);
  const full = await failure(c.engine.snapshots.create('vm', { name: 'one', memory: true }));
  assert.match(full?.message ?? '', /no room|No space left/);
  assert.equal(await c.engine.snapshots.list('vm'), [], 'nothing half made');

  // The next agent finds it so.
  await c.engine.close();
  c.engine = engineAt(c.dir);
  await c.engine.recover();
  await until('it is told of again', async () => (await c.engine.status('vm')).trouble !== undefined);

  await run('mount', ['-o', 'remount,size=200m', c.dir]);
  const whole = async () => (await waitForHttp('127.0.0.1', web, '/done.txt', boot)) === 'whole\n';
  await until('all is written', whole);
  await until('all is well', async () => (await c.engine.status('vm')).trouble === undefined);
  assert.is((await c.engine.status('vm')).pid, pid, 'the same process');
});

test('what cannot be made for want of room leaves nothing, says so, and is made when there is', async (c) => {
  const spec = specOf(c, {
    id: 'a',
    extraDisks: [{ name: 'db', sizeMib: 8 }],
    cloudInit: { instanceId: 'i-1', hostname: 'guest', userData: `#!/bin/sh\n# ${'x'.repeat(20_000)}\n` },
  });
  const made = async () => (await readdir(c.dir, { recursive: true })).filter((f) => f !== 'ballast');
  for (const left of [0, 8, 40, 300, 420]) {
    await fill(c.dir, left);
    const error = await failure(c.engine.create(spec));
    if (error) assert.match(error.message, /no room is left|is full|No space left/, `${left} KiB`);
    const parts = (await made()).filter((f) => /\.part$|\/\./.test(f));
    assert.equal(parts, [], `${left} KiB`);
    await c.engine.destroy('a');
    assert.equal(
      (await made()).filter((f) => f.startsWith('vms/')),
      [],
      `${left} KiB`,
    );
    await rm(join(c.dir, 'ballast'));
  }
  await c.engine.create(spec);
  const record = await readFile(join(c.dir, 'vms/a/vm.json'), 'utf8');
  await fill(c.dir, 0);
  await writeFile(join(c.dir, 'ballast2'), 'x'.repeat(100)).catch(() => undefined);
  const grown = await failure(c.engine.network.setForwards('a', [local('tcp', await freePort(), 80)]));
  assert.match(grown?.message ?? '', 'no room is left');
  assert.is(await readFile(join(c.dir, 'vms/a/vm.json'), 'utf8'), record, 'the record is what it was');
});

test.run();
