// test: serial
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diskErrors, isDiskFull, isKind, silentLogger, writeFileAtomic } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Reserve } from './reserve.js';

const MIB = 1024 ** 2;
const test = suite<{ dir: string; path: string; reserve: Reserve }>('reserve');
test.before.each((t) => {
  t.dir = mkdtempSync(join(tmpdir(), 'reserve-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'edgeplane-test', t.dir]);
  t.path = join(t.dir, 'reserve');
  t.reserve = new Reserve(t.path, silentLogger);
});
test.after.each((t) => {
  execFileSync('umount', [t.dir]);
  rmSync(t.dir, { recursive: true });
});

/** Takes all room there is. */
function fill(dir: string): void {
  try {
    writeFileSync(join(dir, 'ballast'), Buffer.alloc(8 * MIB));
  } catch (error) {
    if (!isDiskFull(error)) throw error;
  }
}

test('work that finds no room gets the room set aside, which is set aside again when there is', async (t) => {
  await t.reserve.keep();
  fill(t.dir);
  const write = () => writeFileAtomic(join(t.dir, 'record'), 'x'.repeat(MIB));
  const refused = await write().catch((error: unknown) => error);
  assert.ok(isKind(refused, diskErrors.DISK_FULL) && refused.message.includes(join(t.dir, 'record')));
  assert.not(existsSync(join(t.dir, 'record.new')), 'nothing is left of it');
  let runs = 0;
  const removed = await t.reserve.spend(async () => {
    runs += 1;
    await write();
    rmSync(join(t.dir, 'ballast'));
    return 'removed';
  });
  assert.equal([removed, runs], ['removed', 2]);
  assert.is(statSync(t.path).size, 4 * MIB);
});

test('without room for it there is none, and what fails otherwise fails once', async (t) => {
  fill(t.dir);
  await t.reserve.keep();
  assert.not(existsSync(t.path));
  let runs = 0;
  const other = await t.reserve
    .spend(async () => {
      runs += 1;
      throw new Error('something else');
    })
    .catch((error: Error) => error.message);
  assert.equal([other, runs], ['something else', 1]);
});

test.run();
