import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DevicePool } from './device-pool.js';
import { findDevices, type HostDevice } from './devices.js';
import { HOST } from './host-paths.js';
import { parseMemory, readMemory } from './memory.js';
import { hostLimits } from './site-limits.js';

const MEMORY = `MemTotal:       8388608 kB
MemFree:        1000000 kB
MemAvailable:   2097152 kB
HugePages_Total:    1024
HugePages_Free:      512
Hugepagesize:       2048 kB
`;

/** A host of files. */
function host(files: Readonly<Record<string, string>>, work: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'edgeplane-host-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  return work(dir).finally(() => rmSync(dir, { recursive: true, force: true }));
}

const pci = (address: string, klass: string, vendor: string, device: string) => ({
  [`sys/devices/${address}/class`]: `${klass}\n`,
  [`sys/devices/${address}/vendor`]: `${vendor}\n`,
  [`sys/devices/${address}/device`]: `${device}\n`,
});

test('memory set aside as huge pages is not for others', () => {
  const memory = parseMemory(MEMORY);
  assert.is(memory.totalKb, 8388608 - 1024 * 2048);
  assert.is(memory.availableKb, 2097152);
  assert.equal(memory.hugePages, { total: 1024, free: 512, sizeKb: 2048 });
  assert.throws(() => parseMemory(''), /no MemTotal/);
});

test('GPUs, KVM, huge pages and NUMA nodes are found', async () => {
  const files = {
    ...pci('0000:02:00.0', '0x030000', '0x1002', '0x73bf'),
    'sys/devices/0000:02:00.0/drm/renderD128/dev': '',
    'sys/devices/0000:02:00.0/drm/card0/dev': '',
    ...pci('0000:01:00.0', '0x030200', '0x10de', '0x2204'),
    'proc/driver/nvidia/gpus/0000:01:00.0/information': 'Model: X\nDevice Minor: \t 3\n',
    ...pci('0000:00:01.0', '0x030000', '0x1234', '0x1111'),
    ...pci('0000:00:02.0', '0x020000', '0x1af4', '0x1000'),
    'dev/dri/renderD128': '',
    'dev/nvidia3': '',
    'dev/nvidiactl': '',
    'sys/devices/system/node/node1/cpulist': '4-7\n',
    'sys/devices/system/node/node0/cpulist': '0-3\n',
  };
  await host(files, async (dir) => {
    mkdirSync(join(dir, 'sys/bus/pci/devices'), { recursive: true });
    for (const address of ['0000:02:00.0', '0000:01:00.0', '0000:00:01.0', '0000:00:02.0'])
      symlinkSync(join(dir, 'sys/devices', address), join(dir, 'sys/bus/pci/devices', address));
    const paths = { sys: join(dir, 'sys'), dev: join(dir, 'dev'), proc: join(dir, 'proc') };
    const found = await findDevices(paths, parseMemory(MEMORY), { usable: true, reason: 'tried' });
    assert.equal(
      found.map(({ kind, name, count, detail }) => [kind, name, Number(count), detail]),
      [
        ['gpu', '0000:00:01.0', 0, '1234:1111, for which the host has no driver that computes'],
        ['gpu', '0000:01:00.0', 1, '10de:2204'],
        ['gpu', '0000:02:00.0', 1, '1002:73bf'],
        ['kvm', join(dir, 'dev/kvm'), 1, 'tried'],
        ['huge-pages', '2048kB', 1024, '512 free'],
        ['numa-node', 'node0', 1, 'CPUs 0-3'],
        ['numa-node', 'node1', 1, 'CPUs 4-7'],
      ],
    );
    assert.equal(found[1]?.nodes, [join(dir, 'dev/nvidia3'), join(dir, 'dev/nvidiactl')]);
    assert.equal(found[2]?.nodes, [join(dir, 'dev/dri/renderD128')]);
  });
});

test('this host tells what it has', async () => {
  const memory = await readMemory(HOST);
  const devices = await findDevices(HOST, memory, { usable: false, reason: 'not tried' });
  const limits = await hostLimits(tmpdir(), 2, memory, devices);
  assert.ok(limits.ram > 0n && limits.vcores > 0n && limits.disk > 0n);
  assert.equal(
    limits.devices?.filter(({ kind }) => kind === 'kvm'),
    [{ kind: 'kvm', name: '/dev/kvm', count: 0n, detail: 'not tried' }],
  );
});

const device = (kind: string, name: string, count = 1n): HostDevice => ({
  ...{ kind, name, count, detail: '', nodes: [name] },
});

test('a GPU has one user, and KVM any number', () => {
  const pool = new DevicePool([
    device('gpu', 'a'),
    device('gpu', 'b'),
    device('kvm', 'k'),
    device('gpu', 'x', 0n),
  ]);
  const take = (instance: string, ...kinds: string[]) =>
    pool.take(instance, 'big', kinds).map(({ name }) => name);
  assert.equal(take('one', 'gpu', 'kvm'), ['a', 'k']);
  assert.equal(take('one', 'gpu', 'kvm'), ['a', 'k'], 'the same again');
  assert.equal(take('two', 'kvm', 'gpu'), ['k', 'b']);
  assert.throws(
    () => take('three', 'kvm', 'gpu'),
    (e: Error) => e.message === 'flavor big: devices has 1 of gpu, and the host has 2, 0 free',
  );
  assert.throws(
    () => take('one', 'fpga'),
    (e: Error) => e.message === 'flavor big: devices has 1 of fpga, and the host has none',
  );
  pool.release('one');
  assert.equal(take('three', 'gpu'), ['a']);
  assert.throws(() => take('two', 'gpu', 'gpu'), /devices has 2 of gpu, and the host has 2, 1 free/);
  const later = new DevicePool([device('gpu', 'a')]);
  later.adopt('one', ['a']);
  assert.throws(() => later.take('two', 'big', ['gpu']), /0 free/);
});

test.run();
