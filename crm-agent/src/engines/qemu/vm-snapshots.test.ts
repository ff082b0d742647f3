// test: timeout=300s serial
import { execFileSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isKind } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { qemuErrors } from './errors.js';
import { headOf } from './layers.js';
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
  specOf,
  user,
} from './testing.js';
import type { VmStep } from './vm.js';
import type { VmRecord } from './vm-record.js';

const test = suite<EngineContext>('snapshots of machines');
test.before(async (c) => {
  c.image = await guestImage();
});
test.before.each(openEngine);
test.after.each(clearEngine);

/** File name of the layer that is written to, by the machine's record. */
async function headOfDb(c: EngineContext): Promise<string> {
  const record = JSON.parse(await readFile(join(c.dir, 'vms/vm/vm.json'), 'utf8')) as VmRecord;
  return headOf(record, 'data-db');
}

/** Writes a pattern to the disk `db` as the guest would. */
async function write(c: EngineContext, pattern: number): Promise<void> {
  const head = await headOfDb(c);
  const node = head.includes('~') ? `layer-${head.split('~')[1]}` : `disk-${head}`;
  const monitor = await engineAt(c.dir).monitor('vm');
  try {
    type Device = { qdev: string; inserted?: { 'node-name': string } };
    const devices = (await monitor.execute('query-block')) as Device[];
    const device = devices.find(({ inserted }) => inserted?.['node-name'] === node);
    assert.ok(device, `QEMU writes to ${node}`);
    for (const command of [`write -P ${pattern} 0 64k`, 'flush']) {
      const line = `qemu-io -d ${device?.qdev} "${command}"`;
      assert.is(await monitor.execute('human-monitor-command', { 'command-line': line }), '');
    }
  } finally {
    monitor.close();
  }
}

/** Checks it in the file and all that it lies on. */
async function holds(c: EngineContext, pattern: number): Promise<void> {
  const file = join(c.dir, 'vms/vm', `${await headOfDb(c)}.qcow2`);
  const args = ['-U', '-r', '-f', 'qcow2', '-c', `read -P ${pattern} 0 64k`, file];
  assert.not.match(execFileSync('qemu-io', args, { encoding: 'utf8' }), 'verification failed');
}

const disksOf = async (c: EngineContext) =>
  (await readdir(join(c.dir, 'vms/vm'))).filter((name) => /qcow2|memory/.test(name)).sort();

test('a running guest goes back in time, with memory and without; layers that nobody needs are merged', async (c) => {
  const port = await freePort();
  const userData = `#cloud-config
runcmd:
  - while :; do cut -d. -f1 /proc/uptime > /srv/www/up.part; mv /srv/www/up.part /srv/www/up.txt; sleep 1; done
`;
  await c.engine.create(
    specOf(c, {
      memoryMib: 128,
      nics: user(local('tcp', port, 8080)),
      cloudInit: { instanceId: 'i', hostname: 'h', userData },
      extraDisks: [{ name: 'db', sizeMib: 16 }],
    }),
  );
  await c.engine.snapshots.create('vm', { name: 'fresh' });
  const needs = await failure(c.engine.snapshots.create('vm', { name: 'm', memory: true }));
  assert.ok(isKind(needs, qemuErrors.snapshotNeedsRunning));
  await c.engine.start('vm');
  const uptime = async () => {
    for (;;) {
      const text = await waitForHttp('127.0.0.1', port, '/up.txt', boot);
      if (/^\d+\n$/.test(text)) return Number(text);
    }
  };
  await uptime();
  await write(c, 1);
  await c.engine.snapshots.create('vm', { name: 'live', memory: true, description: 'with memory' });
  const then = await uptime();
  await write(c, 2);
  await c.engine.snapshots.create('vm', { name: 'disk' });
  await write(c, 3);
  assert.equal(
    (await c.engine.snapshots.list('vm')).map(({ name, memory }) => [name, memory]),
    [
      ['fresh', false],
      ['live', true],
      ['disk', false],
    ],
  );
  const twice = await failure(c.engine.snapshots.create('vm', { name: 'disk' }));
  assert.ok(isKind(twice, qemuErrors.snapshotExists));
  let later = await uptime();
  while (later < then + 5) later = await uptime();

  await c.engine.snapshots.revert('vm', 'live');
  await holds(c, 1);
  const back = await uptime();
  assert.ok(back < later, `uptime ${then} at the snapshot, ${later} before going back, ${back} after`);
  assert.match(await waitForHttp('127.0.0.1', port, '/', boot), 'boot: 1');

  // While it runs: the middle of the chain is merged.
  await c.engine.snapshots.delete('vm', 'live');
  await c.engine.snapshots.delete('vm', 'live');
  await holds(c, 1);
  await c.engine.stop('vm', { graceMs: 0 });
  await c.engine.snapshots.revert('vm', 'disk');
  await c.engine.snapshots.delete('vm', 'disk');
  assert.is((await c.engine.status('vm')).state, 'stopped');
  await c.engine.start('vm');
  await holds(c, 2);
  await c.engine.snapshots.delete('vm', 'fresh');
  await holds(c, 2);
  assert.is((await disksOf(c)).length, 2, `one file for each disk: ${await disksOf(c)}`);
  const none = await failure(c.engine.snapshots.revert('vm', 'fresh'));
  assert.ok(isKind(none, qemuErrors.snapshotNotFound));
  await c.engine.stop('vm', { graceMs: 0 });
  for (const file of await disksOf(c)) execFileSync('qemu-img', ['check', '-q', join(c.dir, 'vms/vm', file)]);
  await c.engine.start('vm');
  await holds(c, 2);
});

/** What is under way when the process ends, the steps of it, and which pattern may be there afterwards. */
const WORK: readonly (readonly [string, readonly VmStep[], readonly number[]])[] = [
  [
    `await engine.snapshots.create('vm', { name: 'two', memory: true });`,
    ['disks-recorded', 'overlays-made', 'memory-saved', 'overlays-taken', 'disks-settled'],
    [2],
  ],
  [
    `await engine.snapshots.revert('vm', 'one');`,
    ['disks-recorded', 'stopped', 'overlays-made', 'overlays-taken', 'disks-settled'],
    [1],
  ],
  [`await engine.snapshots.delete('vm', 'one');`, ['disks-recorded', 'merged', 'merge-recorded'], [2]],
];

test('whenever the process ends, the machine is whole after recovery', async (c) => {
  const none = join(c.dir, 'none.img');
  execFileSync('truncate', ['-s', '1M', none]);
  await c.engine.create(
    specOf(c, { image: none, memoryMib: 32, nics: [], extraDisks: [{ name: 'db', sizeMib: 1 }] }),
  );
  let engine = c.engine;
  for (const [work, steps, patterns] of WORK) {
    for (const step of steps) {
      await engine.start('vm');
      await write(c, 1);
      await engine.snapshots.create('vm', { name: 'one' });
      await write(c, 2);
      assert.ok(crashAt(step, c.dir, work), step);
      engine = engineAt(c.dir);
      await engine.recover();
      const about = `${work} at ${step}`;
      const record = await engine.start('vm');
      assert.is(record.state, 'running', about);
      const monitor = await engine.monitor('vm');
      const { status } = (await monitor.execute('query-status')) as { status: string };
      monitor.close();
      assert.is(status, 'running', about);
      for (const pattern of patterns) await holds(c, pattern);
      for (const { name } of await engine.snapshots.list('vm')) await engine.snapshots.delete('vm', name);
      for (const pattern of patterns) await holds(c, pattern);
      assert.is((await disksOf(c)).length, 2, `${about}: ${await disksOf(c)}`);
    }
  }
});

test.run();
