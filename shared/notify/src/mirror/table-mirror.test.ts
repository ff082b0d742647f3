import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, ManualClock, seededRandom, silentLogger } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ObjectTable } from '../object-table.js';
import { fileDisk, type MirrorDisk } from './mirror-disk.js';
import { TableMirror, type TableMirrorOptions } from './table-mirror.js';
import { TestingDisk } from './testing-disk.js';

const LOG = 'mirror/objects.log';

function setUp(disk: MirrorDisk, over: Partial<TableMirrorOptions> = {}) {
  const clock = new ManualClock();
  const flavors = new ObjectTable(OBJECTS.Flavor);
  const apps = new ObjectTable(OBJECTS.App);
  const list = [flavors, apps] as unknown[] as ObjectTable<unknown, unknown>[];
  const mirror = new TableMirror({
    ...{ dir: 'mirror', disk, cloudlet: 'here', clock, random: seededRandom(1), logger: silentLogger },
    ...over,
  });
  const put = (name: string, ram: number) =>
    flavors.put({ ...OBJECTS.Flavor.withKey({ name }), ram: BigInt(ram) });
  return { clock, flavors, apps, list, mirror, put };
}

type SetUp = ReturnType<typeof setUp>;

/** As an agent starts: what was left is in the tables, and is followed. */
async function start(disk: MirrorDisk, over: Partial<TableMirrorOptions> = {}): Promise<SetUp> {
  const t = setUp(disk, over);
  const byName = new Map(t.list.map((table) => [table.type.name, table]));
  for (const { type, object } of (await t.mirror.load(t.list)).objects) byName.get(type)?.put(object);
  t.mirror.follow(t.list);
  return t;
}

const held = (t: SetUp): string =>
  t.list
    .flatMap((table) => [...table.values()].map((object) => table.type.toStored(object)))
    .sort()
    .join('\n');

/** Lets what needs no time happen. */
async function soon(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

type Step =
  | { readonly do: 'put'; readonly name: string; readonly ram: number }
  | { readonly do: 'delete'; readonly name: string }
  | { readonly do: 'flush' | 'wait' | 'fail' };

const name = fc.constantFrom('a', 'b', 'c', 'd');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('put' as const), name, ram: fc.nat(1000) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), name }) },
  { weight: 1, arbitrary: fc.constantFrom<Step>({ do: 'flush' }, { do: 'wait' }, { do: 'fail' }) },
);

/** Runs steps until the disk ends; every state that the tables were in, and the last that is known to be durable. */
async function live(t: SetUp, disk: TestingDisk, steps: readonly Step[]): Promise<Set<string>> {
  let states = [held(t)];
  for (const s of steps) {
    if (s.do === 'put') t.put(s.name, s.ram);
    if (s.do === 'delete') t.flavors.delete({ name: s.name });
    if (s.do === 'put' || s.do === 'delete') states.push(held(t));
    if (s.do === 'fail') disk.failures = [new Error('no space')];
    if (s.do === 'wait') {
      t.clock.advance(300);
      await soon();
    }
    if (s.do === 'flush') {
      let done = false;
      t.mirror.flush().then(
        () => {
          done = true;
        },
        () => undefined,
      );
      await soon();
      if (done) states = states.slice(-1);
    }
    if (disk.left === 0) break;
  }
  return new Set(states);
}

test('whatever happens before a crash, a moment not before the last flush is read back', async () => {
  const lives = fc.array(fc.tuple(fc.array(step, { maxLength: 25 }), fc.option(fc.nat(4000))), {
    minLength: 1,
    maxLength: 4,
  });
  await fc.assert(
    fc.asyncProperty(lives, async (all) => {
      const disk = new TestingDisk();
      let possible = new Set(['']);
      for (const [steps, left] of all) {
        disk.failures = [];
        disk.left = Number.POSITIVE_INFINITY;
        const t = await start(disk.mount());
        assert.ok(possible.has(held(t)), `${held(t)}\nis none of\n${[...possible].join('\nor\n')}`);
        disk.left = left ?? Number.POSITIVE_INFINITY;
        possible = await live(t, disk, steps);
      }
      const last = await start(disk.mount());
      assert.ok(possible.has(held(last)));
      assert.not.ok(disk.files.has(`${LOG}.aside`), 'a crash is no damage');
    }),
    { numRuns: 300 },
  );
});

test('whatever a file holds, loading gives objects that were held, and the agent goes on', async () => {
  const whole = new TestingDisk();
  const first = await start(whole.mount());
  for (const name of ['a', 'b', 'c']) {
    first.put(name, 1);
    await first.mirror.flush();
  }
  const text = whole.files.get(LOG) ?? '';
  const damage = fc.record({ at: fc.nat(text.length), remove: fc.nat(80), add: fc.string({ maxLength: 5 }) });
  await fc.assert(
    fc.asyncProperty(damage, async ({ at, remove, add }) => {
      const disk = new TestingDisk();
      disk.files.set(LOG, text.slice(0, at) + add + text.slice(at + remove));
      const t = await start(disk.mount());
      const names = [...t.flavors.values()].map((f) => f.key?.name).join('');
      assert.ok('abc'.startsWith(names), names);
      t.put('z', 2);
      await t.mirror.stop();
      assert.is(held(await start(disk.mount())), held(t));
    }),
    { numRuns: 200 },
  );
});

test('a log of another cloudlet, data model or program is set aside with its reason', async () => {
  const disk = new TestingDisk();
  const lines: string[] = [];
  const logger = createLogger({ name: 'test', destination: { write: (l: string) => void lines.push(l) } });
  const there = await start(disk.mount(), { cloudlet: 'there' });
  there.put('a', 1);
  await there.mirror.stop();
  const foreign = disk.files.get(LOG);
  const here = await start(disk.mount(), { logger });
  assert.is(here.flavors.size, 0);
  assert.is(disk.files.get(`${LOG}.aside`), foreign);
  assert.match(lines.join(''), 'cloudlet is \\"there\\" instead of \\"here\\"');
  disk.files.set(LOG, '{"of":"something else"}\n');
  assert.is((await start(disk.mount())).flavors.size, 0);
  assert.match(disk.files.get(`${LOG}.aside`) ?? '', 'something else');
});

test('a change costs what it is long, and the log does not grow for ever', async () => {
  const disk = new TestingDisk();
  const t = await start(disk.mount());
  const manifest = 'm'.repeat(1000);
  const app = (name: string, deploymentManifest: string) => ({
    ...OBJECTS.App.withKey({ developerKey: { name: 'dev' }, name, version: '1' }),
    deploymentManifest,
  });
  for (let i = 0; i < 1000; i++) t.apps.put(app(`app${i}`, manifest));
  t.clock.advance(200);
  await soon();
  const all = disk.written;
  t.put('a', 1);
  await t.mirror.flush();
  assert.ok(disk.written - all < 1000, `${disk.written - all} for one change`);
  for (let i = 0; i < 5000; i++) {
    t.apps.put(app('app0', `${i}${manifest}`));
    await t.mirror.flush();
  }
  const size = disk.files.get(LOG)?.length ?? 0;
  assert.ok(size < 4 * all, `${size} after ${all}`);
  assert.ok(disk.written < 30 * all);
  assert.is(held(await start(disk.mount())), held(t));
});

test('changes are written in groups; what cannot be written is tried again', async () => {
  const disk = new TestingDisk();
  const t = await start(disk.mount());
  t.clock.advance(200);
  await soon();
  const before = disk.files.get(LOG);
  for (let i = 0; i < 100; i++) t.put(`f${i}`, i);
  t.clock.advance(199);
  await soon();
  assert.is(disk.files.get(LOG), before);
  disk.failures = [new Error('no space'), new Error('no space')];
  t.clock.advance(1);
  await soon();
  const refused = await t.mirror.flush().then(
    () => '',
    (error: Error) => error.message,
  );
  assert.is(refused, 'no space', 'nothing is acknowledged that is not written');
  t.clock.advance(60_000);
  await soon();
  assert.is(held(await start(disk.mount())), held(t));
});

test('revisions and how far it was in step are kept where they are known', async () => {
  const disk = new TestingDisk();
  const t = setUp(disk.mount());
  const revisionOf = (keyJson: string) => (keyJson.includes('"a"') ? 7 : 0);
  const cursor = { lineage: 'store', revision: 6 };
  const nowhere = { lineage: '', revision: 0 };
  t.mirror.follow(t.list, {
    heldOf: (type) => ({ revisionOf, cursor: type === OBJECTS.Flavor.fullName ? cursor : nowhere }),
  });
  t.put('a', 1);
  t.put('b', 1);
  await t.mirror.stop();
  const again = setUp(disk.mount());
  const { objects, cursors } = await again.mirror.load(again.list);
  const encoded = (name: string) => OBJECTS.Flavor.toWire({ ...OBJECTS.Flavor.withKey({ name }), ram: 1n });
  assert.equal(
    objects.map((o) => [o.keyJson, o.revision, Buffer.from(o.bytes)]),
    [
      ['{"name":"a"}', 7, encoded('a')],
      ['{"name":"b"}', 0, encoded('b')],
    ].map(([key, revision, bytes]) => [key, revision, Buffer.from(bytes as Uint8Array)]),
  );
  assert.equal(cursors, [{ type: 'Flavor', ...cursor }]);
});

test('on a real disk nobody else can read it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'mirror-'));
  try {
    const path = join(dir, 'mirror', 'objects.log');
    const t = await start(fileDisk, { dir: join(dir, 'mirror') });
    t.put('a', 1);
    await t.mirror.flush();
    t.put('b', 2);
    await t.mirror.stop();
    assert.is(statSync(path).mode & 0o777, 0o600);
    assert.is(held(await start(fileDisk, { dir: join(dir, 'mirror') })), held(t));
    writeFileSync(path, Buffer.from([0xff, 0, 0x80]));
    const damaged = await start(fileDisk, { dir: join(dir, 'mirror') });
    assert.is(damaged.flavors.size, 0);
    await damaged.mirror.stop();
    assert.is(statSync(`${path}.aside`).size, 3);
    assert.is(statSync(path).mode & 0o777, 0o600);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test.run();
