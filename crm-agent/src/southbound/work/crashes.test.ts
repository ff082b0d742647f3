import { seededRandom } from '@edgeplane/base';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mayBegin, type Waiting } from './lanes.js';
import type { OperationLog } from './operation-log.js';
import { isFinished } from './record.js';
import type { RunContext } from './runner.js';
import { type Life, LifeDisk, testLog, testSubmission } from './testing.js';

/** What operations do something to: things by name, each made in two steps. */
class World {
  readonly things = new Map<string, 'half' | 'whole'>();
  readonly made = new Map<string, number>();
}

/** Makes the thing of an operation unless it is there; nothing happens any more once its life is over. */
function maker(world: World, life: Life) {
  const act = async (change: () => void) => {
    await Promise.resolve();
    if (life.isDead()) await new Promise(() => undefined);
    change();
  };
  return async ({ id }: { id: string }, { step, secret }: RunContext) => {
    assert.is(await secret(), 'key');
    await step('begin');
    await act(() => world.things.set(id, world.things.get(id) ?? 'half'));
    await step('finish');
    await act(() => {
      if (world.things.get(id) === 'whole') return;
      world.things.set(id, 'whole');
      world.made.set(id, (world.made.get(id) ?? 0) + 1);
    });
    return { message: 'made' };
  };
}

async function settled(log: OperationLog, life: Life): Promise<void> {
  while (!life.isDead() && !log.list().every(isFinished))
    await new Promise((resolve) => setImmediate(resolve));
}

interface Plan {
  readonly subjects: readonly { readonly subject: string; readonly lanes: readonly string[] }[];
  /** Where each life but the last ends. */
  readonly deaths: readonly { readonly at: number; readonly done: boolean }[];
}

const plans = fc.record<Plan>({
  subjects: fc.array(
    fc.record({
      subject: fc.constantFrom('a', 'b', 'c'),
      lanes: fc.subarray(['l1', 'l2', 'l3']),
    }),
    { minLength: 1, maxLength: 5 },
  ),
  deaths: fc.array(fc.record({ at: fc.nat(25), done: fc.boolean() }), { maxLength: 4 }),
});

test('killed at any write, in any number of lives: what was taken on is done once, and no secret stays', async () => {
  const check = async ({ subjects, deaths }: Plan) => {
    const disk = new LifeDisk();
    const world = new World();
    const acknowledged = new Set<string>();
    const lives = [...deaths, { at: Number.POSITIVE_INFINITY, done: true }];
    for (const [i, { at, done }] of lives.entries()) {
      const life = disk.mount(at, done);
      const log = testLog(life, { random: seededRandom(i + 1), maxAttempts: 10, workers: 2 });
      log.register('make', { run: maker(world, life) });
      const started = log.start();
      await Promise.race([started, died(life)]);
      // Each life repeats the calls: those that were taken on are joined by their request ids.
      const calls = subjects.map(async ({ subject, lanes }, n) => {
        const call = { subject, lanes, requestId: `r${n}`, request: n, secret: 'key' };
        acknowledged.add((await log.submit(testSubmission(call))).id);
      });
      await Promise.race([started.then(() => Promise.all(calls)), died(life)]);
      await settled(log, life);
      if (i === lives.length - 1) {
        await log.stop();
        const records = log.list();
        assert.is(records.length, subjects.length);
        assert.ok(records.every(({ state }) => state === 'completed'));
        for (const id of acknowledged) assert.ok(records.some((record) => record.id === id));
      }
      life.die();
    }
    assert.is(world.things.size, subjects.length);
    assert.ok([...world.things.values()].every((thing) => thing === 'whole'));
    assert.ok([...world.made.values()].every((times) => times === 1));
    assert.not([...disk.files.keys()].some((path) => path.includes('secrets')));
  };
  await fc.assert(fc.asyncProperty(plans, check), { numRuns: 150 });
});

async function died(life: Life): Promise<void> {
  while (!life.isDead()) await new Promise((resolve) => setImmediate(resolve));
}

test('no lane has two at once, and each lane goes in the order of arrival', async () => {
  const lanes = fc.array(fc.subarray(['l1', 'l2', 'l3', 'l4']), { minLength: 1, maxLength: 12 });
  const check = async (all: string[][], workers: number) => {
    const log = testLog(new LifeDisk().mount(), { workers });
    const inside = new Set<string>();
    const order = new Map<string, number[]>();
    let running = 0;
    log.register('make', {
      run: async ({ request }) => {
        const mine = all[Number(request)] ?? [];
        running += 1;
        assert.ok(running <= workers);
        for (const lane of mine) {
          assert.not(inside.has(lane));
          inside.add(lane);
          order.set(lane, [...(order.get(lane) ?? []), Number(request)]);
        }
        await new Promise((resolve) => setImmediate(resolve));
        for (const lane of mine) inside.delete(lane);
        running -= 1;
        return { message: 'made' };
      },
    });
    await log.start();
    const records = await Promise.all(
      all.map((mine, request) =>
        log.submit(testSubmission({ subject: `s${request}`, lanes: mine, request })),
      ),
    );
    for (const { id } of records) assert.is((await log.wait(id)).state, 'completed');
    for (const seen of order.values())
      assert.equal(
        seen,
        [...seen].sort((a, b) => a - b),
      );
    await log.stop();
  };
  await fc.assert(fc.asyncProperty(lanes, fc.integer({ min: 1, max: 4 }), check), { numRuns: 60 });
});

test('whoever may begin has all lanes free of those before it, and nobody who may is left out', () => {
  const waiting = fc.array(
    fc.record({ lanes: fc.subarray(['a', 'b', 'c']), takesWorker: fc.boolean(), ready: fc.boolean() }),
    { maxLength: 10 },
  );
  fc.assert(
    fc.property(waiting, fc.subarray(['a', 'b', 'c']), fc.nat(5), (drawn, busy, free) => {
      const all: Waiting[] = drawn.map((w, i) => ({ ...w, id: String(i) }));
      const begun = mayBegin(all, new Set(busy), free);
      assert.ok(begun.filter((w) => w.takesWorker).length <= free);
      for (const [i, one] of all.entries()) {
        const blocked = one.lanes.some(
          (lane) => busy.includes(lane) || all.slice(0, i).some((w) => w.lanes.includes(lane)),
        );
        if (begun.includes(one)) assert.ok(one.ready && !blocked);
        else if (one.ready && !blocked) assert.ok(one.takesWorker);
      }
    }),
  );
});

test.run();
