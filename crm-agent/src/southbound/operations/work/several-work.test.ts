import { fail } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LifeDisk, testLog } from '../../work/testing.js';
import { operationsErrors } from '../errors.js';
import { KINDS } from './kinds.js';
import { registerSeveralWork } from './several-work.js';

const open = new Set<string>();

/** Children that end when the test says so; `bad` ends badly. */
async function start(disk: LifeDisk, workers = 2) {
  const log = testLog(disk.mount(), { workers });
  registerSeveralWork(log);
  log.register(KINDS.createHypervisor, {
    run: async ({ subject }, { signal, progress }) => {
      progress(500, 'booting');
      while (!open.has(subject)) {
        signal.throwIfAborted();
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (subject === 'bad')
        throw fail(operationsErrors.HYPERVISOR_NOT_READY, { id: subject, reason: 'no power' });
      return { message: 'up' };
    },
  });
  await log.start();
  return log;
}

const several = (ids: readonly string[]) => ({
  ...{ kind: KINDS.createHypervisors, subject: ids.join(','), lanes: [], owner: 'tester' },
  request: { ids, force: false, graceSeconds: 0 },
});

test('it tells of each, waits for all, and names those that failed', async () => {
  const log = await start(new LifeDisk());
  const { id } = await log.submit(several(['a', 'bad', 'c']));
  const told: string[] = [];
  for await (const { message, state } of log.watch(id)) {
    told.push(message);
    if (message === 'a: booting; bad: booting; c: queued') for (const one of ['a', 'bad', 'c']) open.add(one);
    if (state === 'failed')
      assert.match(message, /^1 of 3 failed: bad: hypervisor bad did not come up: no power$/);
  }
  assert.ok(told.includes('a: booting; bad: booting; c: queued'), told.join('\n'));
  await log.stop();
});

test('cancelling it cancels its children, those that wait and those that run', async () => {
  open.clear();
  const log = await start(new LifeDisk(), 1);
  const { id } = await log.submit(several(['a', 'b']));
  for await (const { message } of log.watch(id)) if (message === 'a: booting; b: queued') break;
  await log.cancel(id);
  assert.is((await log.wait(id)).error?.status, 'CANCELLED');
  for (const { error } of log.list()) assert.is(error?.status, 'CANCELLED');
  await log.stop();
});

test('an agent that stops cancels nothing: the next one goes on with the same children', async () => {
  open.clear();
  const disk = new LifeDisk();
  const first = await start(disk, 1);
  const { id } = await first.submit(several(['a', 'b']));
  for await (const { message } of first.watch(id)) if (message === 'a: booting; b: queued') break;
  await first.stop();
  const second = await start(disk, 1);
  open.add('a').add('b');
  assert.is((await second.wait(id)).message, '2 done: a, b');
  assert.is(second.list().length, 3);
  await second.stop();
});

test.run();
