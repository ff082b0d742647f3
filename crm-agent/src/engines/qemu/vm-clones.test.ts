// test: timeout=240s serial
import { execFileSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isKind } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { qemuErrors } from './errors.js';
import { waitForHttp } from './reachable.js';
import {
  boot,
  clearEngine,
  crashAt,
  type EngineContext,
  engineAt,
  failure,
  freePort,
  guestImage,
  local,
  openEngine,
  processesOf,
  specOf,
  until,
  user,
} from './testing.js';

const test = suite<EngineContext>('clones and resources of machines');
test.before(async (c) => {
  c.image = await guestImage();
});
test.before.each(openEngine);
test.after.each(clearEngine);

const io = (file: string, command: string) =>
  execFileSync('qemu-io', ['-f', 'qcow2', '-c', command, file], { encoding: 'utf8' });
const holds = (file: string, pattern: number) =>
  assert.not.match(io(file, `read -P ${pattern} 0 64k`), 'verification failed');

test('linked and full clones stand on their own; a base that is in use stays, and who uses it is named', async (c) => {
  const none = join(c.dir, 'none.img');
  execFileSync('truncate', ['-s', '1M', none]);
  const small = { image: none, memoryMib: 32, extraDisks: [{ name: 'db', sizeMib: 1 }] };
  await c.engine.create(specOf(c, small));
  const file = (id: string, name = 'data-db') => join(c.dir, 'vms', id, `${name}.qcow2`);
  io(file('vm'), 'write -P 1 0 64k');
  await c.engine.start('vm');

  const work = `await engine.clones.create({ source: 'vm', id: 'linked', kind: 'linked' });`;
  for (const step of ['disks-recorded', 'overlays-taken', 'clone-filled'] as const) {
    assert.ok(crashAt(step, c.dir, work), step);
    await engineAt(c.dir).recover();
    assert.is((await c.engine.status('linked')).state, 'missing', step);
    assert.is((await c.engine.status('vm')).state, 'running', step);
  }
  await c.engine.clones.create({ source: 'vm', id: 'linked', kind: 'linked' });
  await c.engine.clones.create({ source: 'vm', id: 'linked', kind: 'linked' });
  const other = await failure(c.engine.clones.create({ source: 'vm', id: 'linked', kind: 'full' }));
  assert.ok(isKind(other, qemuErrors.vmExists));
  await c.engine.clones.create({ source: 'vm', id: 'full', kind: 'full' });
  for (const id of ['linked', 'full']) assert.is((await c.engine.start(id)).state, 'running');
  const used = await failure(c.engine.destroy('vm'));
  assert.ok(isKind(used, qemuErrors.diskInUse));
  assert.match(used?.message ?? '', 'the disks of linked lie on its own');
  assert.is((await c.engine.status('vm')).state, 'running');

  for (const id of ['vm', 'linked', 'full']) await c.engine.stop(id, { graceMs: 0 });
  for (const id of ['linked', 'full']) holds(file(id), 1);
  io(file('linked'), 'write -P 2 0 64k');
  holds(file('full'), 1);
  assert.not.match(execFileSync('qemu-img', ['info', file('full')], { encoding: 'utf8' }), 'backing');
  await c.engine.destroy('linked');
  // What was kept for the clone is given back.
  const disks = (await readdir(join(c.dir, 'vms/vm'))).filter((name) => name.endsWith('.qcow2'));
  assert.is(disks.length, 2, disks.join(' '));
  await c.engine.start('vm');
  await c.engine.destroy('vm');
  await c.engine.start('full');
  await c.engine.destroy('full');
  assert.equal(await processesOf(c.dir), []);
});

/** An agent of a few lines, as a guest may have one: answers on the channel that QEMU gives it. */
const AGENT = `#!/bin/sh
port=$(ls -d /dev/vport*p1)
exec 3<>"$port"
# Nothing comes, rather than later, while nobody is connected on the other side.
while :; do
  read -r line <&3 || { sleep 0.2; continue; }
  case "$line" in
    *guest-sync-delimited*) printf '\\377{"return": %s}\\n' "$(echo "$line" | sed 's/.*"id":\\([0-9]*\\).*/\\1/')" >&3 ;;
    *guest-get-host-name*) echo '{"return": {"host-name": "'$(hostname)'"}}' >&3 ;;
    *guest-fsfreeze-freeze*) echo freeze >>/srv/www/agent.txt; echo '{"return": 1}' >&3 ;;
    *guest-fsfreeze-thaw*) echo thaw >>/srv/www/agent.txt; echo '{"return": 1}' >&3 ;;
    *guest-shutdown*reboot*) reboot ;;
    *guest-shutdown*) poweroff ;;
    *guest-ping*) echo '{"return": {}}' >&3 ;;
    *) echo '{"error": {"desc": "unknown"}}' >&3 ;;
  esac
done
`;

test('a guest takes processors and room on its disk, tells of itself, is held still, and goes by its agent', async (c) => {
  const port = await freePort();
  const cloudInit = { instanceId: 'i', hostname: 'talker', userData: AGENT };
  await c.engine.create(
    specOf(c, { cloudInit, maxCpus: 3, maxMemoryMib: 256, nics: user(local('tcp', port, 8080)) }),
  );
  await c.engine.start('vm');
  assert.is(await c.engine.guest.ping('vm'), false);
  const report = await c.engine.resources.set('vm', { cpus: 2, memoryMib: 256 });
  assert.equal(report.cpus, { wanted: 2, now: 2 });
  assert.is(report.memoryMib.wanted, 256);
  assert.is(report.needsRestart, false);
  const fewer = await c.engine.resources.set('vm', { cpus: 1 });
  assert.equal([fewer.cpus, fewer.needsRestart], [{ wanted: 1, now: 2 }, true]);

  await c.engine.resources.growDisk('vm', 'boot', 300);
  const shrink = await failure(c.engine.resources.growDisk('vm', 'boot', 299));
  assert.ok(isKind(shrink, qemuErrors.diskShrink));
  assert.match(shrink?.message ?? '', 'disks only grow');

  await until('the agent answers', () => c.engine.guest.ping('vm'));
  assert.is((await c.engine.guest.info('vm'))?.hostname, 'talker');
  assert.is((await c.engine.snapshots.create('vm', { name: 's' })).frozen, true);
  await waitForHttp('127.0.0.1', port, '/', boot);
  assert.is(await waitForHttp('127.0.0.1', port, '/agent.txt', boot), 'freeze\nthaw\n');
  // With the processor that was plugged in, and the memory that the guest may have taken.
  await c.engine.snapshots.create('vm', { name: 'm', memory: true });
  await c.engine.snapshots.revert('vm', 'm');
  await until('the agent answers', () => c.engine.guest.ping('vm'));
  assert.is(await c.engine.stop('vm', { graceMs: 60_000 }), 'agent');
  const record = JSON.parse(await readFile(join(c.dir, 'vms/vm/vm.json'), 'utf8')) as { spec: object };
  assert.equal(Reflect.get(record.spec, 'diskMib'), 300);
});

test.run();
