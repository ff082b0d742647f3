// test: timeout=120s serial
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { isDiskFull } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { qemuIo, requests, TestProvider, vmClass } from './testing.js';

/** The provider on a disk without room. */
const test = suite<{ p: TestProvider }>('VirtRigaud provider on a full disk');
const MIB = 1024 ** 2;
test.before.each(async (c) => {
  c.p = new TestProvider();
  mkdirSync(c.p.path('door'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'edgeplane-test', c.p.path('door')]);
  await c.p.open();
});
test.after.each(async ({ p }) => {
  await p.close('stop');
  execFileSync('umount', [p.path('door')]);
  await p.clear();
});

/** Takes all room there is. */
function fill(path: string): void {
  for (const size of [MIB, 4096])
    try {
      for (let i = 0; ; i += 1) writeFileSync(`${path}/ballast-${size}-${i}`, Buffer.alloc(size));
    } catch (error) {
      if (!isDiskFull(error)) throw error;
    }
}

/** Everything but records of operations and what fills the disk. */
const files = (p: TestProvider) =>
  readdirSync(p.path('door'), { recursive: true, encoding: 'utf8' })
    .filter((name) => !/^(operations|ballast|reserve)/.test(name))
    .sort();

test('what finds no room says so and leaves nothing; what makes room is done', async ({ p }) => {
  const vmId = 'web';
  p.image(p.path('pvc', 'claim', 'small'), 1, 2);
  const small = (targetName: string) => requests.import({ sourceUrl: 'pvc://claim/small', targetName });
  const { path } = await p.call('importDisk', small('small'));
  const imageJson = JSON.stringify({ Path: path });
  await p.call('create', requests.create({ imageJson, classJson: vmClass({ SizeGiB: 0 }) }));
  await p.call('snapshotCreate', { vmId, nameHint: 'first', includeMemory: false, description: '' });
  p.image(p.path('pvc', 'claim', 'large'), 3, 40);
  qemuIo(p.path('pvc', 'claim', 'large'), 'write -P 3 0 40M');

  const before = files(p);
  const none = /^RESOURCE_EXHAUSTED /;
  const large = requests.import({ sourceUrl: 'pvc://claim/large', targetName: 'large' });
  assert.match(await p.failure('importDisk', large), none);
  assert.match(await p.failure('create', requests.create({ name: 'large' })), none);
  fill(p.path('door'));
  assert.match(await p.failure('importDisk', small('other')), none);
  assert.match(await p.failure('clone', requests.clone({ linked: true })), none);
  assert.match(
    await p.failure('snapshotCreate', { vmId, nameHint: 'x', includeMemory: false, description: '' }),
    none,
  );
  assert.is((await p.call('describe', { id: vmId })).exists, true);
  assert.equal(files(p), before);

  await p.call('snapshotDelete', { vmId, snapshotId: 'first' });
  await p.call('delete', { id: vmId });
  assert.equal(readdirSync(p.path('door', 'machines', 'vms')), []);
  for (const name of readdirSync(p.path('door')))
    if (name.startsWith('ballast')) rmSync(p.path('door', name));
  assert.is(await p.failure('importDisk', small('other')), 'OK');
});

test.run();
