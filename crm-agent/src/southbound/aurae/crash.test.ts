// test: timeout=120s
/**
 * The agent dies at every point of every verb: before and after each thing it does to the host or the disk. The next one
 * opens on what is left; the caller repeats its call. Then all is as if nothing had happened, nothing is there twice, and a
 * Free leaves nothing.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { memoryDisk } from '../../testing-disk.js';
import { testDoorContext } from '../testing.js';
import { openPods, type TestPods } from './testing-door.js';
import { FakeMachine, Life } from './testing-host.js';

const test = suite('pods, the agent killed');

const POD = {
  name: 'p',
  network: { ports: [{ containerPort: 80 }] },
  volumes: [{ name: 'v' }],
  containers: [
    { name: 'prepare', image: 'a', init: true },
    { name: 'main', image: 'b', mounts: [{ volume: 'v', path: '/v' }], env: { SECRET: 'hunter2' } },
  ],
};
const MORE = { name: 'side', image: 'c' };

interface Case {
  readonly prepare: (pods: TestPods) => Promise<unknown>;
  readonly call: (pods: TestPods) => Promise<unknown>;
  readonly running: readonly string[];
  readonly pods: number;
}

const allocate = ({ call }: TestPods) => call('Allocate', { pod: POD });
const start = ({ call }: TestPods) => call('Start', { name: 'p', containers: [MORE] });

const CASES: Readonly<Record<string, Case>> = {
  allocate: { prepare: async () => undefined, call: allocate, running: [], pods: 1 },
  start: { prepare: allocate, call: start, running: ['p/main', 'p/side'], pods: 1 },
  stop: {
    prepare: async (pods) => [await allocate(pods), await start(pods)],
    call: ({ call }) => call('Stop', { podName: 'p' }),
    ...{ running: [], pods: 1 },
  },
  free: {
    prepare: async (pods) => [await allocate(pods), await start(pods)],
    // A caller that repeats it may find that it was done.
    call: ({ call }) => call('Free', { podName: 'p', allowMissing: true }),
    ...{ running: [], pods: 0 },
  },
};

for (const [verb, { prepare, call, running, pods }] of Object.entries(CASES)) {
  test(`at every point of ${verb}`, async () => {
    let points = 0;
    for (let whole = false; !whole; points++) {
      const files = new Map<string, string>();
      const context = { ...testDoorContext(), disk: memoryDisk(files) };
      const machine = new FakeMachine();
      machine.exits.set('prepare', 0);
      const life = new Life();
      const first = await openPods({ machine, context, life });
      await prepare(first);
      life.endAfter(points + 1);
      const called = call(first).then(() => 'done' as const);
      whole = (await Promise.race([called, life.death.then(() => 'dead' as const)])) === 'done';

      const second = await openPods({ machine, context });
      await call(second);
      const where = `${verb}, dead at point ${points + 1}`;
      assert.equal(machine.running(), running, where);
      assert.is(machine.pods.size, pods, where);
      assert.is(inFolder(files, 'pods').length, pods, where);
      await second.call('Free', { podName: 'p', allowMissing: true });
      assert.equal([machine.pods.size, machine.networks.size], [0, 0], where);
      assert.equal(inFolder(files, 'pods'), [], where);
      await second.door.stop('keep');
      context.remove();
    }
    assert.ok(points > 10, `${points} points`);
  });

  test(`at every point of ${verb}, and nobody repeats the call: no half-made pod stays`, async () => {
    for (let points = 1, whole = false; !whole; points++) {
      const files = new Map<string, string>();
      const context = { ...testDoorContext(), disk: memoryDisk(files) };
      const machine = new FakeMachine();
      machine.exits.set('prepare', 0);
      const life = new Life();
      const first = await openPods({ machine, context, life });
      await prepare(first);
      life.endAfter(points);
      const called = call(first).then(() => 'done' as const);
      whole = (await Promise.race([called, life.death.then(() => 'dead' as const)])) === 'done';

      const second = await openPods({ machine, context });
      // Freeing waits its turn behind whatever is still under way.
      await second.call('Free', { podName: 'p', allowMissing: true, force: true });
      assert.equal([machine.pods.size, machine.networks.size], [0, 0], `${verb} ${points}`);
      assert.equal(inFolder(files, 'pods'), [], `${verb} ${points}`);
      await second.door.stop('keep');
      assert.equal(inFolder(files, 'operations/secrets'), [], `${verb} ${points}`);
      context.remove();
    }
  });
}

const inFolder = (files: ReadonlyMap<string, string>, folder: string): string[] =>
  [...files.keys()].filter((path) => path.includes(`/${folder}/`));

test.run();
