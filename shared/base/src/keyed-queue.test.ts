import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { deferred, KeyedQueue } from './index.js';

test('serial per key, parallel across keys, and the last add is always followed by a run', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(3)), { maxLength: 40 }),
      async (adds) => {
        const state = new Map<string, number>();
        const seen = new Map<string, number>();
        const running = new Set<string>();
        const queue = new KeyedQueue(
          async (key) => {
            assert.not(running.has(key), 'two runs of one key');
            running.add(key);
            const value = state.get(key);
            await Promise.resolve();
            await Promise.resolve();
            if (value !== undefined) seen.set(key, value);
            running.delete(key);
          },
          (_, error) => {
            throw error;
          },
        );
        for (const [i, [key, pauses]] of adds.entries()) {
          state.set(key, i);
          queue.add(key);
          for (let p = 0; p < pauses; p++) await Promise.resolve();
        }
        await queue.idle();
        assert.equal([...seen].sort(), [...state].sort());
      },
    ),
  );
});

test('keys run side by side', async () => {
  const both = deferred();
  const started = new Set<string>();
  const queue = new KeyedQueue(
    async (key) => {
      started.add(key);
      if (started.size === 2) both.resolve();
      await both.promise;
    },
    () => undefined,
  );
  queue.add('a');
  queue.add('b');
  await queue.idle();
  assert.is(started.size, 2);
});

test('a failure is reported and does not stop the key; stop aborts running work', async () => {
  const failures: string[] = [];
  let runs = 0;
  const second = deferred();
  const queue = new KeyedQueue(
    async (_key, signal) => {
      runs += 1;
      if (runs === 1) throw new Error('once');
      second.resolve();
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    },
    (key, error) => failures.push(`${key}: ${(error as Error).message}`),
  );
  queue.add('k');
  await queue.idle();
  queue.add('k');
  await second.promise;
  await queue.stop();
  queue.add('k');
  assert.is(runs, 2);
  assert.equal(failures, ['k: once', 'k: queue stopped']);
});

test.run();
