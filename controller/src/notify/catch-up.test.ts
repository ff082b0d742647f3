import { ManualClock } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { catchUp } from './catch-up.js';

const never = () => new Promise<never>(() => undefined);

/** How it ends when the caches get nowhere, and the store says what it is given. */
async function outcome(storedRevision: () => Promise<number>, aborted = false) {
  const clock = new ManualClock();
  const sync = { reached: never, storedRevision };
  const stopping = aborted ? AbortSignal.abort() : new AbortController().signal;
  const result = catchUp({ sync: sync as never, clock, stopping }, 10);
  for (let i = 0; i < 2; i++) {
    await new Promise(setImmediate);
    clock.advance(5000);
  }
  return result;
}

test('who has caught up in time has reached it', async () => {
  const sync = { reached: async () => undefined, storedRevision: never };
  const context = { sync: sync as never, clock: new ManualClock(), stopping: new AbortController().signal };
  assert.is(await catchUp(context, 10), 'reached');
});

test('only a store that does not have the revision has gone back', async () => {
  assert.is(await outcome(async () => 9), 'rewound');
  assert.is(await outcome(async () => 10), 'behind');
});

test('a store that fails or does not answer has not gone back', async () => {
  const failing = () => Promise.reject(new Error('away'));
  assert.is(await outcome(failing), 'behind');
  assert.is(await outcome(never), 'behind');
  assert.is(await outcome(never, true), 'behind');
});

test.run();
