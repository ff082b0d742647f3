import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isKind, systemClock } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { qemuErrors } from './errors.js';
import { saveMemory } from './memory-state.js';
import type { QmpClient } from './qmp.js';
import { failure } from './testing.js';

const context = { dir: '' };
const test = suite('memory of snapshots', context);
test.before.each(async (c) => {
  c.dir = await mkdtemp(join(tmpdir(), 'memory-'));
});
test.after.each(async (c) => {
  await rm(c.dir, { recursive: true, force: true });
});

/** A QEMU that connects and sends before its answer to the command is out, or says that it cannot. */
function qemu(socket: string, data: Buffer, status: 'completed' | 'failed'): QmpClient {
  const execute = async (command: string) => {
    if (command === 'migrate' && status === 'completed') {
      const sending = connect(socket);
      await new Promise((resolve) => sending.end(data, () => resolve(undefined)));
    }
    return command === 'query-migrate' ? { status, 'error-desc': 'no route to memory' } : {};
  };
  return { execute } as unknown as QmpClient;
}

const target = (dir: string) => ({
  id: 'vm',
  path: join(dir, 'state'),
  socket: { ours: join(dir, 's'), theirs: 's' },
  clock: systemClock,
});

test('a QEMU that is quick is not missed; the file appears whole and nothing else is left', async ({
  dir,
}) => {
  const data = Buffer.alloc(3_000_000, 'memory');
  await saveMemory(qemu(join(dir, 's'), data, 'completed'), target(dir));
  assert.ok((await readFile(join(dir, 'state'))).equals(data));
  assert.equal(await readdir(dir), ['state']);
});

test('a transfer that fails is named, and leaves nothing', async ({ dir }) => {
  const error = await failure(saveMemory(qemu(join(dir, 's'), Buffer.alloc(0), 'failed'), target(dir)));
  assert.ok(isKind(error, qemuErrors.memoryNotSaved));
  assert.match(error?.message ?? '', 'no route to memory');
  assert.equal(await readdir(dir), []);
});

test.run();
