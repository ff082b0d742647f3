// test: timeout=180s
import { readdirSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Disk } from '../../disk.js';
import { holds, qemuIo, requests, TestProvider } from './testing.js';

/**
 * The agent is killed at each of its writes of a long operation, before or after it; the next one goes on or repeats, and
 * the caller, who asks again, finds one result and nothing left over. What happens within the engine is tried there.
 */
const test = suite<{ p: TestProvider }>('VirtRigaud operations and the death of the agent');
test.before.each((c) => {
  c.p = new TestProvider();
});
test.after.each((c) => c.p.clear());

/** A disk on which the write with that number, from 0, is the last thing of a life, done or not. */
function mortal(
  disk: Disk,
  dieAt: number,
  isDone: boolean,
): { disk: Disk; died: Promise<void>; isDead: () => boolean } {
  let left = dieAt;
  let dead = false;
  let tell = () => {};
  const died = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const never = () => new Promise<never>(() => undefined);
  const change = async (apply: () => Promise<void>) => {
    if (dead) return never();
    left -= 1;
    if (left >= 0) return apply();
    dead = true;
    if (isDone) await apply();
    tell();
    return never();
  };
  const mortalDisk: Disk = {
    ...disk,
    write: (path, text) => change(() => disk.write(path, text)),
    remove: (path) => change(() => disk.remove(path)),
  };
  return { disk: mortalDisk, died, isDead: () => dead };
}

/** Lives `work` with one death in each, at every write that it makes; `check` and `undo` follow in a life without. */
async function dieEverywhere(
  p: TestProvider,
  work: () => Promise<unknown>,
  check: () => Promise<void>,
  undo: () => Promise<void>,
): Promise<number> {
  for (let at = 0; ; at += 1) {
    const life = mortal(p.context.disk, at, at % 2 === 0);
    await p.open({ disk: life.disk });
    const working = work().catch(() => undefined);
    await Promise.race([working, life.died]);
    p.abandon();
    await working;
    await p.open();
    await work();
    await check();
    await undo();
    await p.close();
    if (!life.isDead()) return at;
  }
}

const vmFiles = (p: TestProvider) => readdirSync(p.path('door', 'machines', 'vms')).sort();
const nothingLeft = (p: TestProvider) => {
  assert.equal(readdirSync(p.path('door', 'staging')), []);
  const parts = readdirSync(p.dir, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.part'),
  );
  assert.equal(parts, []);
};

test('create, snapshot, clone and delete', async ({ p }) => {
  const vmId = 'web';
  const writes = await dieEverywhere(
    p,
    async () => {
      await p.call('create', requests.create());
      await p.call('snapshotCreate', { vmId, nameHint: 's', includeMemory: false, description: 'd' });
      await p.call('clone', requests.clone({ targetName: 'linked', linked: true }));
    },
    async () => {
      assert.equal(vmFiles(p), ['linked', 'web']);
      assert.equal((await p.call('getDiskInfo', { vmId, diskId: '', snapshotId: '' })).snapshots, ['s']);
      nothingLeft(p);
    },
    async () => {
      for (const id of ['web', 'linked']) await p.call('delete', { id });
      assert.equal(vmFiles(p), []);
    },
  );
  assert.ok(writes >= 12, `${writes} writes`);
});

test('export and import', async ({ p }) => {
  await p.open();
  await p.call('create', requests.create());
  qemuIo(p.path('door', 'machines', 'vms', 'web', 'boot.qcow2'), 'write -P 9 0 64k');
  await p.close();
  let bytes: Buffer | undefined;
  const adopted = () =>
    requests.create({ name: 'moved', imageJson: JSON.stringify({ Path: importedPath(p) }) });
  await dieEverywhere(
    p,
    async () => {
      const { checksum } = await p.call('exportDisk', requests.export());
      const request = requests.import({ verifyChecksum: true, expectedChecksum: checksum });
      await p.call('importDisk', request);
    },
    async () => {
      await p.call('create', adopted());
      const sent = readFileSync(p.path('pvc', 'claim', 'a', 'b.qcow2'));
      bytes ??= sent;
      assert.ok(sent.equals(bytes));
      assert.equal(vmFiles(p), ['moved', 'web']);
      assert.ok(holds(p.path('door', 'machines', 'vms', 'moved', 'boot.qcow2'), 9));
      assert.equal(readdirSync(p.path('door', 'machines', 'images')), []);
      nothingLeft(p);
    },
    async () => {
      await p.call('delete', { id: 'moved' });
    },
  );
});

function importedPath(p: TestProvider): string {
  return p.path('door', 'machines', 'images', 'imported-disk.moved.qcow2');
}

test.run();
