import { ManualClock } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { firstSync } from './first-sync.js';

/** A notify client that reaches states when it is told to. */
class Link {
  readonly #waiting: { state: string; resolve: () => void }[] = [];

  when(state: string, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ state, resolve });
      signal?.addEventListener('abort', () => reject(new Error('late')));
    });
  }

  reach(state: string): void {
    for (const waiter of this.#waiting) if (waiter.state === state) waiter.resolve();
  }
}

async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

test('who has no controller waits a moment; who has one, until all has come', async () => {
  const clock = new ManualClock();
  let done = 0;
  const wait = () => {
    const link = new Link();
    void firstSync(link, 1000, clock).then(() => {
      done += 1;
    });
    return link;
  };
  wait();
  clock.advance(999);
  await settled();
  assert.is(done, 0);
  clock.advance(1);
  await settled();
  assert.is(done, 1);
  const link = wait();
  link.reach('connected');
  await settled();
  clock.advance(20_000);
  await settled();
  assert.is(done, 1);
  link.reach('synced');
  await settled();
  assert.is(done, 2);
  // A controller that never gets done is not waited for either.
  wait().reach('connected');
  await settled();
  clock.advance(30_000);
  await settled();
  assert.is(done, 3);
  assert.is(clock.pending, 0);
});

test.run();
