// test: timeout=120s
/** The agent dies at each step of a create and of a delete: the next one converges, and nothing is left over. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { testDoorContext } from '../testing.js';
import { specOfCurrent } from './codec-current.js';
import { FlintlockDoor } from './door.js';
import { MicrovmTable } from './microvm-table.js';
import type { ReconcileStep } from './reconciler.js';
import { FLINTLOCK_DEFAULTS } from './settings.js';
import { currentSpec, FileMachines, FolderImages } from './testing.js';

const SETTINGS = { ...FLINTLOCK_DEFAULTS, backoff: { base: 2, max: 10 } };
const CREATE: readonly ReconcileStep[] = ['materials', 'made', 'started', 'created'];
const DELETE: readonly ReconcileStep[] = ['stopped', 'destroyed', 'forgotten'];

interface Context {
  readonly door: ReturnType<typeof testDoorContext>;
  readonly images: FolderImages;
}
const test = suite<Context>('crashes of the flintlock door');
test.before.each((c) => {
  Object.assign(c, { door: testDoorContext(), images: new FolderImages() });
});
test.after.each((c) => {
  c.door.remove();
  c.images.remove();
});

const machinesOf = (c: Context) => new FileMachines(join(c.door.stateDir, 'pretended'));

/**
 * A life of the door. One that is to die at a step stops there for good: nothing of it goes on, and what it had in memory is
 * lost, as everything that it wrote was written whole.
 */
async function live(
  c: Context,
  dieAt?: ReconcileStep,
): Promise<{ door: FlintlockDoor; died: Promise<void> }> {
  let dead = () => {};
  const died = new Promise<void>((resolve) => {
    dead = resolve;
  });
  const door = new FlintlockDoor(c.door, SETTINGS, {
    ...{ machines: machinesOf(c), images: c.images },
    readRoom: async () => ({ memoryMb: 64_000, diskMb: 64_000 }),
    onStep(_, step) {
      if (step !== dieAt) return undefined;
      dead();
      return new Promise<never>(() => undefined);
    },
  });
  await door.start(new AbortController().signal);
  return { door, died };
}

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** What is on disk, read as the next life would. */
async function records(c: Context) {
  const table = new MicrovmTable(join(c.door.stateDir, 'records'), c.door.disk);
  await table.load();
  return table.list();
}

const files = (c: Context) =>
  ['records', 'disks', 'kernels', 'pretended'].flatMap((name) => readdirSync(join(c.door.stateDir, name)));

for (const step of CREATE)
  test(`a create that dies at "${step}" is completed, once`, async (c) => {
    const first = await live(c, step);
    const made = await first.door.microvms.create(specOfCurrent(currentSpec()), 'current');
    await first.died;
    const { door } = await live(c);
    await until('it runs', () => door.microvms.get(made.uid)?.status.state === 'created');
    const machines = await machinesOf(c).list();
    assert.equal(
      machines.map(({ id, state }) => [id, state]),
      [[made.uid, 'running']],
    );
    assert.equal(
      (await records(c)).map(({ uid }) => uid),
      [made.uid],
    );
    await door.microvms.delete(made.uid);
    await until('nothing is left', () => files(c).length === 0);
    await door.stop('keep');
  });

for (const step of DELETE)
  test(`a delete that dies at "${step}" is completed`, async (c) => {
    const first = await live(c, step);
    const { uid } = await first.door.microvms.create(specOfCurrent(currentSpec()), 'current');
    await until('it runs', () => first.door.microvms.get(uid)?.status.state === 'created');
    await first.door.microvms.delete(uid);
    await first.died;
    const { door } = await live(c);
    await until('nothing is left', () => files(c).length === 0);
    assert.is(door.microvms.get(uid), undefined);
    await door.stop('keep');
  });

test('a create of a life that ended while it read an image is carried out by the next', async (c) => {
  const first = await live(c);
  const reached = new Promise<void>((resolve) => {
    c.images.withImageFiles = () => {
      resolve();
      return new Promise<never>(() => undefined);
    };
  });
  const { uid } = await first.door.microvms.create(specOfCurrent(currentSpec()), 'current');
  await reached;
  c.images.withImageFiles = (_, work) => work(c.images.folder);
  const { door } = await live(c);
  await until('it runs', () => door.microvms.get(uid)?.status.state === 'created');
  await door.stop('stop');
  assert.equal(
    (await machinesOf(c).list()).map(({ state }) => state),
    ['failed'],
  );
});

test('a machine that no record knows is removed; a record that cannot be read is named', async (c) => {
  const { door } = await live(c);
  const { uid } = await door.microvms.create(specOfCurrent(currentSpec()), 'current');
  await until('it runs', () => door.microvms.get(uid)?.status.state === 'created');
  await door.stop('keep');
  const [record] = await records(c);
  assert.is(record?.uid, uid);
  const path = join(c.door.stateDir, 'records', readdirSync(join(c.door.stateDir, 'records'))[0] ?? '');
  await c.door.disk.write(path, '{"form":7}');
  const broken = await live(c).catch(String);
  assert.match(String(broken), 'of an unknown form');
  await c.door.disk.remove(path);
  const next = await live(c);
  await until('nothing is left', () => files(c).length === 0);
  await next.door.stop('keep');
});

test.run();
