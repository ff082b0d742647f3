// test: timeout=60s
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { clearEngine, type EngineContext, engineAt, failure, openEngine, specOf } from './testing.js';

const test = suite<EngineContext>('revision of a machine');
test.before.each(openEngine);
test.after.each(clearEngine);

test('a machine that is off becomes another beside its disks, and tells its guest so', async (c) => {
  c.image = join(c.dir, 'base.raw');
  writeFileSync(c.image, Buffer.alloc(1024 ** 2));
  const kernel = { path: '/boot/one' };
  const cloudInit = { instanceId: 'i', hostname: 'h', userData: 'first' };
  const before = specOf(c, { kernel, cloudInit });
  await c.engine.create(before);
  const seed = join(c.dir, 'vms/vm/seed.img');
  assert.ok(readFileSync(seed).includes('first'));
  const after = {
    ...before,
    cpus: 3,
    kernel: { path: '/boot/two' },
    cloudInit: { ...cloudInit, userData: 'second' },
  };
  await c.engine.revision.revise(after);
  await c.engine.revision.revise(after);
  assert.ok(readFileSync(seed).includes('second') && !readFileSync(seed).includes('first'));
  assert.equal((await engineAt(c.dir).status('vm')).spec, after);
  const other = failure(c.engine.revision.revise({ ...after, extraDisks: [{ name: 'db', sizeMib: 1 }] }));
  assert.match((await other)?.message ?? '', 'VM vm exists with a different extraDisks');
  assert.match(
    (await failure(c.engine.revision.revise({ ...after, id: 'none' })))?.message ?? '',
    'not found',
  );
});

test.run();
