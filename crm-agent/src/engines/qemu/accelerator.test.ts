import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PROBE_EXIT, probeAccelerator, probeRom, runProbe } from './accelerator.js';

const test = suite('accelerator', { dir: '' });
test.before.each(async (c) => {
  c.dir = await mkdtemp(join(tmpdir(), 'accelerator-'));
});
test.after.each(async (c) => {
  await rm(c.dir, { recursive: true, force: true });
});

test('the probe guest runs to its end under software emulation', async () => {
  assert.is(probeRom().length, 65_536);
  const result = await runProbe('qemu-system-x86_64', ['-accel', 'tcg'], systemClock, 20_000);
  assert.is(result === 'timeout' ? result : result.code, PROBE_EXIT);
});

test('a guest that does not end in time is a timeout', async () => {
  // -S keeps the processor stopped.
  assert.is(await runProbe('qemu-system-x86_64', ['-accel', 'tcg', '-S'], systemClock, 300), 'timeout');
});

test('the choice is made by running, has a reason, and is remembered for this boot', async ({ dir }) => {
  const options = { clock: systemClock, logger: silentLogger, stateFile: join(dir, 'accelerator.json') };
  const first = await probeAccelerator(options);
  assert.ok(first.name === 'tcg' || first.name === 'kvm');
  assert.ok(first.reason.length > 10);
  const remembered = await probeAccelerator({ ...options, kvmDevice: '/nowhere' });
  assert.equal(remembered, first);
  const kept = JSON.parse(await readFile(options.stateFile, 'utf8')) as Record<string, string>;
  await writeFile(options.stateFile, JSON.stringify({ ...kept, key: 'another boot' }));
  const again = await probeAccelerator({ ...options, kvmDevice: '/nowhere' });
  assert.equal(again, { name: 'tcg', reason: 'KVM is not used: /nowhere cannot be opened (ENOENT)' });
});

test.run();
