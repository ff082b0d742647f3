// test: timeout=240s serial
/** Changes of machines that run, cut off at each step: recovery completes them or leaves nothing of them. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger, systemClock } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { QemuEngine } from './engine.js';
import {
  clearEngine,
  type EngineContext,
  engineAt,
  freePort,
  local,
  openEngine,
  specOf,
  user,
} from './testing.js';
import type { VmStep } from './vm.js';

const MIB = 1024 ** 2;
const test = suite<EngineContext>('changes cut off');
test.before.each(async (c) => {
  await openEngine(c);
  c.image = join(c.dir, 'none.img');
  execFileSync('truncate', ['-s', '1M', c.image]);
  const spec = { memoryMib: 32, maxCpus: 2, nics: user(), extraDisks: [{ name: 'db', sizeMib: 2 }] };
  await c.engine.create(specOf(c, spec));
  execFileSync('qemu-io', ['-f', 'qcow2', '-c', 'write -P 7 0 1M', join(c.dir, 'vms/vm/data-db.qcow2')]);
  await c.engine.start('vm');
});
test.after.each(clearEngine);

/** Has work begun by an engine that never gets beyond the step, and another one take over, as after a crash. */
async function cutOff(c: EngineContext, step: VmStep, work: (engine: QemuEngine) => Promise<unknown>) {
  let reached = (): void => undefined;
  const there = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const onStep = (_id: string, at: VmStep) => {
    if (at !== step) return;
    reached();
    return new Promise<void>(() => undefined);
  };
  const engine = new QemuEngine({ stateDir: c.dir, clock: systemClock, logger: silentLogger, onStep });
  const ended = work(engine).then(() => Promise.reject(new Error(`it did not come to ${step}`)));
  await Promise.race([there, ended]);
  c.engine = engineAt(c.dir);
  await c.engine.recover();
}

async function monitor(c: EngineContext, command: string, args?: Record<string, unknown>): Promise<unknown> {
  const qmp = await c.engine.monitor('vm');
  try {
    return await qmp.execute(command, args);
  } finally {
    qmp.close();
  }
}

test('a disk that was to grow has grown, for QEMU too', async (c) => {
  await cutOff(c, 'disks-recorded', (engine) => engine.resources.growDisk('vm', 'db', 5));
  const disks = await c.engine.transfer.disks('vm');
  assert.is(disks.find(({ disk }) => disk === 'db')?.virtualBytes, 5 * MIB);
  const blocks = (await monitor(c, 'query-named-block-nodes', { flat: true })) as {
    'node-name': string;
    image: { 'virtual-size': number };
  }[];
  const node = blocks.find((block) => block['node-name'] === 'disk-data-db');
  assert.is(node?.image['virtual-size'], 5 * MIB);
});

test('processors that were to be plugged are', async (c) => {
  await cutOff(c, 'resources-recorded', (engine) => engine.resources.set('vm', { cpus: 2 }));
  assert.equal((await c.engine.resources.get('vm')).cpus, { wanted: 2, now: 2 });
});

test('ports that were to be opened are', async (c) => {
  const port = await freePort();
  await cutOff(c, 'forwards-recorded', (engine) =>
    engine.network.setForwards('vm', [local('tcp', port, 8080)]),
  );
  const text = String(await monitor(c, 'human-monitor-command', { 'command-line': 'info usernet' }));
  assert.match(text, new RegExp(`HOST_FORWARD.* ${port} .* 8080`));
});

test('an export leaves neither layers nor half a file, and can be repeated', async (c) => {
  const path = join(c.dir, 'out.raw');
  const copy = (engine: QemuEngine) => engine.transfer.exportDisk('vm', { disk: 'db', path, format: 'raw' });
  const { sha256 } = await copy(c.engine);
  for (const step of [
    'disks-recorded',
    'overlays-made',
    'overlays-taken',
    'disks-settled',
    'merged',
  ] as const) {
    await cutOff(c, step, copy);
    // As qemu-img leaves it when it ends with us.
    writeFileSync(`${path}.0123abcd.part`, 'half');
    assert.is((await copy(c.engine)).sha256, sha256, step);
    const files = readdirSync(join(c.dir, 'vms/vm')).filter((name) => name.endsWith('.qcow2'));
    assert.is(files.length, 2, `${step}: ${files.join(' ')}`);
    assert.equal(
      readdirSync(c.dir).filter((name) => name.endsWith('.part')),
      [],
      step,
    );
  }
});

test('an import that was cut off is begun anew', async (c) => {
  const path = join(c.dir, 'in.raw');
  execFileSync('truncate', ['-s', '1M', path]);
  await c.engine.transfer.importDisk({ name: 'first', path });
  const half = join(c.dir, 'images/imported-in.qcow2.0123abcd.part');
  writeFileSync(half, 'half');
  c.engine = engineAt(c.dir);
  await c.engine.recover();
  assert.not(existsSync(half));
  const { virtualBytes } = await c.engine.transfer.importDisk({ name: 'in', path });
  assert.is(virtualBytes, MIB);
});

test.run();
