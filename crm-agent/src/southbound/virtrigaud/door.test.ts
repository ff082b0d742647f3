// test: timeout=180s
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { PowerOp } from '@edgeplane/proto/southbound/virtrigaud/provider/v1/provider.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { holds, qemuIo, requests, TestProvider, vmClass } from './testing.js';

/** The provider as far as no guest need run. */
const test = suite<{ p: TestProvider }>('VirtRigaud provider without guests');
test.before.each(async (c) => {
  c.p = new TestProvider();
  await c.p.open();
});
test.after.each((c) => c.p.clear());

const disk = (p: TestProvider, id: string, layer = 'boot') =>
  p.path('door', 'machines', 'vms', id, `${layer}.qcow2`);

test('the same request makes one machine, another by its name is refused, and one that is gone is gone', async ({
  p,
}) => {
  const { id, task } = await p.call('create', requests.create());
  assert.is(id, 'web');
  assert.is(task, undefined);
  assert.is((await p.call('create', requests.create())).id, id);
  const parallel = ['a', 'a', 'a'].map((name) => p.call('create', requests.create({ name })));
  assert.equal(
    (await Promise.all(parallel)).map((answer) => answer.id),
    ['a', 'a', 'a'],
  );
  assert.is(
    await p.failure('create', requests.create({ classJson: vmClass({ CPU: 2 }) })),
    'ALREADY_EXISTS VirtualMachine "web" exists with a different class_json',
  );
  const { vms } = await p.call('listVMs', {});
  assert.equal(
    vms.map((vm) => [vm.id, vm.powerState, vm.cpu, vm.memoryMib, vm.disks.map((d) => d.sizeGib)]),
    [
      ['a', 'Off', 1, 192n, [1]],
      ['web', 'Off', 1, 192n, [1]],
    ],
  );
  const seen = await p.call('describe', { id });
  assert.is(seen.exists, true);
  assert.is(JSON.parse(seen.providerRawJson).qmp_status, 'shutdown');
  assert.equal(await p.call('power', { id, op: PowerOp.POWER_OP_OFF, gracefulTimeoutSeconds: 0 }), {
    task: undefined,
  });
  await p.call('delete', { id });
  await p.call('delete', { id });
  assert.is((await p.call('describe', { id })).exists, false);
  assert.is((await p.call('describe', { id: '../../etc' })).exists, false);
});

test('hardware changes: disks grow, machines move to newer hardware, and what cannot be is refused', async ({
  p,
}) => {
  const disksJson = '[{"SizeGiB":1,"Type":"thin","Name":"data"}]';
  const classJson = vmClass().replace('"ExtraConfig":null', '"ExtraConfig":{"qemu.machineVersion":"6.2"}');
  const { id } = await p.call('create', requests.create({ disksJson, classJson }));
  const desired = (Class: string, Disks = 'null') =>
    `{"Name":"web","Class":${Class},"Disks":${Disks},"UserData":null}`;
  const set = (desiredJson: string) => p.failure('reconfigure', { id, desiredJson });
  assert.is(await set(desired(vmClass())), 'OK');
  assert.is(
    await set(desired(vmClass({ CPU: 9, MemoryMiB: 4096, SizeGiB: 2 }), '[{"Name":"data","SizeGiB":3}]')),
    'OK',
  );
  const [vm] = (await p.call('listVMs', {})).vms;
  assert.equal([vm?.cpu, vm?.memoryMib, vm?.disks.map((d) => d.sizeGib)], [9, 4096n, [2, 3]]);
  assert.match(
    await set(desired(vmClass({ CPU: 9, MemoryMiB: 4096, SizeGiB: 1 }))),
    /^INVALID_ARGUMENT .*SizeGiB must be at least 2048 MiB/,
  );
  assert.match(
    await set(desired(vmClass({ CPU: 9, SizeGiB: 2 }), '[{"Name":"x","SizeGiB":3}]')),
    /^NOT_FOUND Disk "x"/,
  );
  assert.match(
    await set('{"Class":{"CPU":"9"}}'),
    /^INVALID_ARGUMENT desired_json.Class.CPU must be a whole number, got "9"/,
  );
  for (const text of ['', 'null', '{', '[]']) assert.match(await set(text), /^INVALID_ARGUMENT desired_json/);
  const upgrade = (targetVersion: number) => p.failure('hardwareUpgrade', { id, targetVersion });
  assert.is(await upgrade(72), 'OK');
  assert.is(await upgrade(72), 'OK');
  assert.match(await upgrade(62), /^FAILED_PRECONDITION .*cannot go back/);
  assert.match(await upgrade(999), /^INVALID_ARGUMENT target_version must be one of/);
  assert.match(
    await p.failure('reconfigure', { id: 'no', desiredJson: '{}' }),
    /^NOT_FOUND VirtualMachine "no" not found/,
  );
});

test('snapshots and clones stand by themselves; a source goes before its clones', async ({ p }) => {
  const { id } = await p.call('create', requests.create());
  qemuIo(disk(p, id), 'write -P 1 0 64k');
  const snap = (nameHint: string, includeMemory = false, description = '') =>
    p.call('snapshotCreate', { vmId: id, nameHint, includeMemory, description });
  const first = await snap('-- before/upgrade');
  assert.is(first.snapshotId, 'before-upgrade');
  assert.is((await snap('-- before/upgrade')).snapshotId, first.snapshotId);
  const other = { vmId: id, nameHint: first.snapshotId, includeMemory: false, description: 'other' };
  assert.match(await p.failure('snapshotCreate', other), /^ALREADY_EXISTS Snapshot "before-upgrade"/);
  const [x, y] = [await snap(''), await snap('')];
  assert.match(x.snapshotId, /^snapshot-\d+$/);
  assert.is.not(x.snapshotId, y.snapshotId);
  assert.match(
    await p.failure('snapshotCreate', { ...other, nameHint: 'm', includeMemory: true }),
    /^FAILED_PRECONDITION include_memory/,
  );
  const head = () => p.call('getDiskInfo', { vmId: id, diskId: '', snapshotId: '' });
  qemuIo((await head()).path, 'write -P 2 0 64k');
  const info = await head();
  assert.is(info.virtualSizeBytes, 2n ** 30n);
  assert.ok(info.snapshots.includes(first.snapshotId));

  const linked = await p.call('clone', requests.clone({ targetName: 'linked', linked: true }));
  const sized = '{"cpu":2,"memory":"256Mi","diskDefaults":{"size":"2Gi"}}';
  const full = await p.call(
    'clone',
    requests.clone({ classJson: sized, customizeJson: '{"hostname":"copy"}' }),
  );
  assert.is(
    (await p.call('clone', requests.clone({ targetName: 'linked', linked: true }))).targetVmId,
    linked.targetVmId,
  );
  assert.match(
    await p.failure('clone', requests.clone({ targetName: 'linked' })),
    /^ALREADY_EXISTS .*different linked/,
  );
  assert.match(await p.failure('clone', requests.clone({ sourceVmId: 'no', targetName: 'z' })), /^NOT_FOUND/);
  assert.match(
    await p.failure(
      'clone',
      requests.clone({ targetName: 'z', classJson: '{"diskDefaults":{"size":"1Mi"}}' }),
    ),
    /^INVALID_ARGUMENT/,
  );
  await p.call('snapshotRevert', { vmId: id, snapshotId: first.snapshotId });
  assert.ok(holds((await head()).path, 1));
  for (const clone of [linked, full]) assert.ok(holds(disk(p, clone.targetVmId), 2), clone.targetVmId);
  const { vms } = await p.call('listVMs', {});
  const copy = vms.find((vm) => vm.id === full.targetVmId);
  assert.equal([copy?.cpu, copy?.memoryMib, copy?.disks[0]?.sizeGib], [2, 256n, 2]);

  await p.call('snapshotDelete', { vmId: id, snapshotId: first.snapshotId });
  await p.call('snapshotDelete', { vmId: id, snapshotId: first.snapshotId });
  assert.match(
    await p.failure('snapshotRevert', { vmId: id, snapshotId: first.snapshotId }),
    /^NOT_FOUND Snapshot/,
  );
  await p.call('delete', { id });
  assert.is((await p.call('describe', { id })).exists, false);
  assert.ok(holds(disk(p, linked.targetVmId), 2));
  const again = await p.call('create', requests.create());
  assert.is(again.id, 'web-2');
  for (const gone of [linked.targetVmId, full.targetVmId, again.id]) await p.call('delete', { id: gone });
  assert.equal(readdirSync(p.path('door', 'machines', 'vms')), []);
});

test('a disk goes out and comes back as the disk of a machine, once', async ({ p }) => {
  const { id } = await p.call('create', requests.create());
  qemuIo(disk(p, id), 'write -P 5 0 64k');
  const sent = await p.call('exportDisk', requests.export());
  const file = p.path('pvc', 'claim', 'a', 'b.qcow2');
  assert.is(sent.task, undefined);
  assert.is(sent.checksum, execFileSync('sha256sum', [file], { encoding: 'utf8' }).split(' ')[0]);
  assert.is(sent.estimatedSizeBytes, BigInt(statSync(file).size));
  const before = readFileSync(file);
  assert.is((await p.call('exportDisk', requests.export())).exportId, sent.exportId);
  assert.ok(before.equals(readFileSync(file)), 'the same bytes');

  const wrong = requests.import({ verifyChecksum: true, expectedChecksum: '0'.repeat(64) });
  assert.match(
    await p.failure('importDisk', wrong),
    /^INVALID_ARGUMENT source_url: sha256 is [0-9a-f]{64}, expected 0{64}/,
  );
  const request = requests.import({ verifyChecksum: true, expectedChecksum: sent.checksum });
  const got = await p.call('importDisk', request);
  assert.equal([got.diskId, got.checksum, got.task], ['moved', sent.checksum, undefined]);
  assert.equal(await p.call('importDisk', request), got);
  assert.match(
    await p.failure('importDisk', requests.import({ format: 'qcow2' })),
    /^ALREADY_EXISTS Disk "moved"/,
  );

  const adopted = requests.create({
    name: 'moved',
    imageJson: JSON.stringify({ Path: got.path, Format: 'qcow2' }),
  });
  await p.call('create', adopted);
  await p.call('create', adopted);
  assert.ok(holds(disk(p, 'moved'), 5));
  assert.match(
    await p.failure('create', { ...adopted, name: 'second' }),
    /^NOT_FOUND image_json.Path: Image/,
  );
  for (const gone of ['web', 'moved']) await p.call('delete', { id: gone });
  assert.equal(readdirSync(p.path('door', 'machines', 'images')), []);
  assert.equal(readdirSync(p.path('door', 'staging')), []);
});

test('each format and compression makes a file that comes back', async ({ p }) => {
  const { id } = await p.call('create', requests.create());
  qemuIo(disk(p, id), 'write -P 6 0 64k');
  await p.call('snapshotCreate', { vmId: id, nameHint: 's', includeMemory: false, description: '' });
  const head = (await p.call('getDiskInfo', { vmId: id, diskId: '', snapshotId: '' })).path;
  qemuIo(head, 'write -P 7 0 64k');
  const { supportedExportFormats, supportedImportFormats } = await p.call('getCapabilities', {});
  for (const format of supportedExportFormats)
    for (const compress of format === 'raw' ? [true] : [false, true]) {
      const name = `${format}-${compress}`;
      const destinationUrl = `pvc://claim/${name}`;
      const { checksum } = await p.call(
        'exportDisk',
        requests.export({ destinationUrl, format, compress, snapshotId: 's' }),
      );
      const source = {
        sourceUrl: destinationUrl,
        targetName: name,
        format,
        verifyChecksum: true,
        expectedChecksum: checksum,
      };
      const { path } = await p.call('importDisk', requests.import(source));
      assert.ok(holds(path, 6), name);
    }
  const source = p.image(p.path('pvc', 'source'), 6);
  for (const format of supportedImportFormats.filter((one) => !supportedExportFormats.includes(one))) {
    const file = p.path('pvc', 'claim', format);
    execFileSync('qemu-img', ['convert', '-f', 'qcow2', '-O', format, source, file]);
    const request = requests.import({ sourceUrl: `pvc://claim/${format}`, targetName: format, format });
    assert.ok(holds((await p.call('importDisk', request)).path, 6), format);
  }
});

test('tasks: without patience a caller gets one, and it can be asked for in the next life', async ({ p }) => {
  const { id } = await p.call('create', requests.create());
  for (const task of [undefined, { id: '' }])
    assert.match(await p.failure('taskStatus', { task }), /^INVALID_ARGUMENT task.id/);
  assert.equal(await p.call('taskStatus', { task: { id: 'no' } }), { done: true, error: 'task not found' });
  const late = await p
    .call('snapshotCreate', { vmId: id, nameHint: 'late', includeMemory: false, description: '' }, 150)
    .catch(() => undefined);
  await p.close();
  await p.open();
  if (late?.task) assert.is((await p.call('taskStatus', { task: late.task })).error, '');
  assert.is(
    (await p.call('snapshotCreate', { vmId: id, nameHint: 'late', includeMemory: false, description: '' }))
      .snapshotId,
    'late',
  );
});

test.run();
