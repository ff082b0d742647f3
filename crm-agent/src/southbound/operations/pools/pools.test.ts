// test: timeout=120s
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock, silentLogger } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { systemDisk } from '../../../disk.js';
import { FILESYSTEMS, type Filesystem } from '../inventory.js';
import { CAN_MOUNT } from '../testing.js';
import { DirPool } from './dir-pool.js';
import { deviceAt } from './loop-mount.js';
import { LoopPool } from './loop-pool.js';
import type { Pool } from './pool.js';
import { Pools } from './pools.js';

const { signal } = new AbortController();
const MIB = 1024n ** 2n;
const dir = mkdtempSync(join(tmpdir(), 'pools-'));

function dirPool(name: string): Pool {
  const settings = { driver: 'dir', path: join(dir, `${name}-data`), size: 320n * MIB } as const;
  return new DirPool({ id: name, settings, headroom: 0n, dir: join(dir, name), disk: systemDisk });
}

function loopPool(filesystem: Filesystem): Pool {
  const settings = { driver: 'loop', path: '', image: '', size: 320n * MIB, filesystem } as const;
  const place = join(dir, filesystem);
  return new LoopPool({ id: filesystem, settings, headroom: 0n, dir: place, logger: silentLogger });
}

/** What every pool does. `make` gives the same pool again, as a later life has it. */
function conforms(name: string, make: () => Pool): void {
  const pools = suite(`pool ${name}`);

  pools.after(async () => make().stop('stop'));

  pools('is made, taken up again with what is in it, and tells its size', async () => {
    const pool = make();
    await pool.start(signal);
    writeFileSync(join(pool.path, 'kept'), 'kept');
    const later = make();
    await later.start(signal);
    await later.start(signal);
    assert.is(readFileSync(join(later.path, 'kept'), 'utf8'), 'kept');
    const { size, used, free, extent } = await later.status(signal);
    assert.is(size, 320n * MIB);
    assert.is(size % extent, 0n);
    assert.ok(used > 0n && free > 0n && used + free <= size);
  });

  pools('grows to a size, however often it is told', async () => {
    const pool = make();
    await pool.start(signal);
    const before = await pool.status(signal);
    await pool.resize(500n * MIB, signal);
    await make()
      .resize(500n * MIB, signal)
      .catch(() => undefined);
    await pool.resize(500n * MIB, signal);
    const after = await pool.status(signal);
    assert.is(after.size, 500n * MIB);
    assert.ok(after.free > before.free + 100n * MIB);
  });

  pools('shrinks, or says why it never does, and keeps what is in it', async () => {
    const pool = make();
    await pool.start(signal);
    writeFileSync(join(pool.path, 'data'), Buffer.alloc(20 * 1024 * 1024, 3));
    const { cannotShrink } = await pool.status(signal);
    if (cannotShrink !== undefined) {
      const refused = await pool.resize(400n * MIB, signal).catch((error: unknown) => String(error));
      assert.match(String(refused), cannotShrink);
      assert.is((await pool.status(signal)).size, 500n * MIB);
    } else {
      await pool.resize(400n * MIB, signal);
      await pool.resize(400n * MIB, signal);
      const { size } = await pool.status(signal);
      assert.ok(size >= 400n * MIB && size < 500n * MIB, String(size));
    }
    assert.ok(readFileSync(join(pool.path, 'data')).equals(Buffer.alloc(20 * 1024 * 1024, 3)));
  });

  pools('has views that are given back, and frozen ones do not change', async () => {
    const pool = make();
    await pool.start(signal);
    writeFileSync(join(pool.path, 'seen'), 'before');
    const view = await pool.view('one', signal);
    assert.equal(await pool.view('one', signal), view);
    writeFileSync(join(pool.path, 'seen'), 'after');
    assert.is(readFileSync(join(view.path, 'seen'), 'utf8'), view.frozen ? 'before' : 'after');
    const left = new Pools([pool], new ManualClock(), silentLogger);
    await left.sweep(new Set(['one']), signal);
    assert.equal(await pool.views(), view.frozen ? ['one'] : []);
    await left.sweep(new Set(), signal);
    assert.equal(await pool.views(), []);
    await pool.dropView('one', signal);
    assert.is(existsSync(view.path), !view.frozen);
  });

  pools.run();
}

conforms('dir', () => dirPool('dir'));
if (CAN_MOUNT) for (const filesystem of FILESYSTEMS) conforms(filesystem, () => loopPool(filesystem));

const others = suite('pools');

others.after(() => rmSync(dir, { recursive: true, force: true }));

if (CAN_MOUNT) {
  others('a resize that was killed between the file and what is in it is brought to its end', async () => {
    for (const filesystem of FILESYSTEMS) {
      const pool = loopPool(filesystem);
      await pool.start(signal);
      const { size, cannotShrink } = await pool.status(signal);
      truncateSync(join(dir, filesystem, 'pool.img'), Number(size + 64n * MIB));
      await loopPool(filesystem).stop('stop');
      const later = loopPool(filesystem);
      await later.start(signal);
      await later.resize(size + 64n * MIB, signal);
      const grown = await later.status(signal);
      assert.is(grown.size, size + 64n * MIB);
      assert.ok(grown.free > 100n * MIB);
      if (cannotShrink === undefined) {
        // The file system was made smaller, and the file was not.
        await later.resize(size, signal);
        truncateSync(join(dir, filesystem, 'pool.img'), Number(size + 64n * MIB));
        await later.resize(size, signal);
        assert.is((await later.status(signal)).size, size);
      }
      await later.stop('stop');
    }
  });

  others('a file system that shrinks offline says what is in the way, and works on', async () => {
    const pool = loopPool('ext4');
    await pool.start(signal);
    const { size } = await pool.status(signal);
    const held = openSync(join(pool.path, 'held'), 'w');
    const refused = await pool.resize(size - 50n * MIB, signal).catch((error: unknown) => String(error));
    assert.match(String(refused), /pool ext4: ext4 changes its size here only while nothing uses it/);
    closeSync(held);
    writeFileSync(join(pool.path, 'held'), 'still writable');
    await pool.stop('stop');
  });

  others(
    'a draft that a killed agent left is made anew; a file that holds something else is left alone',
    async () => {
      const place = join(dir, 'odd');
      const settings = { driver: 'loop', path: '', size: 320n * MIB, filesystem: 'auto' } as const;
      const image = join(dir, 'odd.img');
      const pool = () =>
        new LoopPool({
          id: 'odd',
          settings: { ...settings, image },
          headroom: 0n,
          dir: place,
          logger: silentLogger,
        });
      writeFileSync(`${image}.new`, 'half of a file system');
      await pool().start(signal);
      assert.not(existsSync(`${image}.new`));
      await pool().stop('stop');
      writeFileSync(image, 'precious');
      const pools = new Pools([pool()], new ManualClock(), silentLogger);
      await pools.start(signal);
      const refused = await pools.take('', signal).catch(String);
      assert.match(String(refused), /pool odd: .*odd.img holds nothing known, and not btrfs, xfs, ext4/);
      assert.is(readFileSync(image, 'utf8'), 'precious');
      assert.is(await pools.storageWorks(), false);
      // Once it is out of the way the pool is of use, without a restart.
      rmSync(image);
      assert.is((await pools.take('odd', signal)).id, 'odd');
      await pools.stop('stop');
    },
  );
}

others('what is mounted last at a path counts, and only loop devices', () => {
  const line = (path: string, source: string) => `36 35 98:0 / ${path} rw - ext4 ${source} rw`;
  const table = [
    line('/a\\040b', '/dev/loop3'),
    line('/a\\040b', '/dev/loop4'),
    line('/c', '/dev/sda1'),
  ].join('\n');
  assert.is(deviceAt(table, '/a b'), '/dev/loop4');
  assert.is(deviceAt(table, '/c'), undefined);
  assert.is(deviceAt(table, '/d'), undefined);
});

others('a pool that cannot be written to is noticed, and asked about once a minute', async () => {
  const pool = dirPool('probed');
  const clock = new ManualClock();
  const pools = new Pools([pool], clock, silentLogger);
  await pools.start(signal);
  assert.is(await pools.storageWorks(), true);
  rmSync(pool.path, { recursive: true });
  assert.is(await pools.storageWorks(), true);
  clock.advance(60_000);
  assert.is(await pools.storageWorks(), false);
  assert.match((await pools.writeTrouble('probed')) ?? '', 'ENOENT');
  const unreadable = await pool.status(signal).catch((error: unknown) => String(error));
  assert.match(String(unreadable), 'pool probed: cannot be looked at: ENOENT');
});

others.run();
