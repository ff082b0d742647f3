// test: timeout=120s
import { execFileSync } from 'node:child_process';
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isKind } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { qemuErrors } from './errors.js';
import { newest, olderThan, versionsIn } from './machine-versions.js';
import {
  clearEngine,
  crashAt,
  type EngineContext,
  engineAt,
  failure,
  openEngine,
  specOf,
} from './testing.js';

const test = suite<EngineContext>('adopted disks, removed machines, generations of hardware');
test.before.each(openEngine);
test.after.each(clearEngine);

const io = (file: string, command: string) =>
  execFileSync('qemu-io', ['-f', 'qcow2', '-c', command, file], { encoding: 'utf8' });
const there = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

/** An imported image of 1 MiB that holds a pattern. */
async function importOne(c: EngineContext, name: string, pattern: number): Promise<string> {
  const file = join(c.dir, `${name}.src`);
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', file, '1M']);
  io(file, `write -P ${pattern} 0 64k`);
  return (await c.engine.transfer.importDisk({ name, path: file })).path;
}

test('an adopted image is the disk itself, whenever the engine ends', async (c) => {
  const image = await importOne(c, 'disk', 7);
  const spec = specOf(c, { image, diskMib: 2, memoryMib: 32 });
  const boot = join(c.dir, 'vms', 'vm', 'boot.qcow2');
  const work = `await engine.create(${JSON.stringify(spec)}, { adopt: true });`;
  for (const step of ['resolved', 'recorded'] as const) {
    assert.ok(crashAt(step, c.dir, work), step);
    await engineAt(c.dir).recover();
    assert.ok(await there(image), step);
  }
  await c.engine.create(spec, { adopt: true });
  assert.not(await there(image));
  assert.not.match(io(boot, 'read -P 7 0 64k'), 'verification failed');
  const [disk] = await c.engine.transfer.disks('vm');
  assert.is(disk?.virtualBytes, 2 * 1024 ** 2);
  assert.is(disk?.base, undefined);

  // Another image of that name has nothing to do with the machine.
  await importOne(c, 'disk', 8);
  await c.engine.create(spec, { adopt: true });
  assert.ok(await there(image));
  assert.not.match(io(boot, 'read -P 7 0 64k'), 'verification failed');
  const gone = await failure(c.engine.create(specOf(c, { id: 'b', image: '/nowhere' }), { adopt: true }));
  assert.ok(isKind(gone, qemuErrors.imageNotFound));
});

test('a machine that clones lie on is removed from sight, and its files with the last of them', async (c) => {
  const path = (id: string) => join(c.dir, 'vms', id);
  await c.engine.create(specOf(c, { image: '', diskMib: 1, memoryMib: 32 }));
  io(join(path('vm'), 'boot.qcow2'), 'write -P 3 0 64k');
  await c.engine.clones.create({ source: 'vm', id: 'child', kind: 'linked' });
  await c.engine.clones.create({ source: 'child', id: 'grandchild', kind: 'linked' });
  await c.engine.remove('vm');
  await c.engine.remove('child');
  assert.is((await c.engine.status('vm')).state, 'missing');
  assert.equal(
    (await c.engine.list()).map(({ id }) => id),
    ['grandchild'],
  );
  assert.equal(await c.engine.clones.keptIds(), ['child', 'vm']);
  assert.ok(isKind(await failure(c.engine.start('vm')), qemuErrors.vmNotFound));
  for (const work of [
    c.engine.create(specOf(c, { image: '', diskMib: 1, memoryMib: 32 })),
    c.engine.clones.create({ source: 'grandchild', id: 'vm', kind: 'linked' }),
  ])
    assert.ok(isKind(await failure(work), qemuErrors.vmIdKept));
  await c.engine.destroy('vm');
  await engineAt(c.dir).recover();
  assert.equal(await c.engine.clones.keptIds(), ['child', 'vm']);

  const copy = join(c.dir, 'copy.qcow2');
  await c.engine.transfer.exportDisk('grandchild', { disk: 'boot', path: copy, format: 'qcow2' });
  assert.not.match(io(copy, 'read -P 3 0 64k'), 'verification failed');
  await c.engine.remove('grandchild');
  assert.equal(await c.engine.clones.keptIds(), []);
  for (const id of ['vm', 'child', 'grandchild']) assert.not(await there(path(id)), id);
});

test('hardware has a generation, and goes to a newer one while the machine is off', async (c) => {
  const help =
    'pc-q35-7.2   Standard PC\nq35  alias of pc-q35-7.2\npc-q35-10.0  x\npc-q35-6.2 y\npc-i440fx-7.2 z\n';
  assert.equal(versionsIn(help), ['6.2', '7.2', '10.0']);
  assert.not(olderThan('7.2', '7.2'));
  const known = await c.engine.machineVersions();
  assert.ok(known.includes('7.2'), known.join(' '));
  await c.engine.create(specOf(c, { image: '', diskMib: 1, machineVersion: '6.2' }));
  const upgrade = (version: string) => failure(c.engine.resources.upgrade('vm', version, known));
  assert.ok(isKind(await upgrade('99.9'), qemuErrors.machineVersionUnknown));
  assert.is(await upgrade(newest(known)), undefined);
  assert.ok(isKind(await upgrade('6.2'), qemuErrors.machineVersionOlder));
  assert.is((await c.engine.status('vm')).spec?.machineVersion, newest(known));
  assert.ok(
    isKind(await failure(c.engine.create(specOf(c, { id: 'v', image: '' }))), qemuErrors.vmSpecInvalid),
  );
  assert.ok((await stat(join(c.dir, 'vms', 'vm', 'boot.qcow2'))).size > 0);
});

test.run();
