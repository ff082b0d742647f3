import { ManualClock } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type PullProgress, watchPull } from './pull-watch.js';

const stalled = (seconds: number) => new Error(`nothing for ${seconds} s`);

/** Runs work without end for as long as `step` gives progress; says how it ended and after how many seconds. */
async function endOf(step: (second: number) => PullProgress, seconds: number, aborted?: AbortController) {
  const clock = new ManualClock();
  const now = () => Math.floor(clock.monotonic() / 1000);
  let end: string | undefined;
  const work = (signal: AbortSignal) =>
    new Promise<never>((_, reject) =>
      signal.addEventListener('abort', () => reject(new Error('cut')), { once: true }),
    );
  const done = watchPull({ clock, progress: async () => step(now()) }, aborted?.signal, work, stalled).catch(
    (error: Error) => {
      end = `${error.message} at ${now()}`;
    },
  );
  await new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < seconds && end === undefined; i++) {
    clock.advance(1000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const result = end;
  aborted?.abort(new Error('not wanted'));
  if (end === undefined && aborted) await done;
  return aborted ? end : result;
}

test('nothing at all is a stall after a minute, although podman answers calls meanwhile', async () => {
  assert.is(await endOf((s) => ({ fetched: 0, read: s * 2000 }), 600), 'nothing for 60 s at 60');
});

test('a byte now and then is none, until they cease', async () => {
  const slow = (s: number) => ({ fetched: Math.min(s, 400) / 50, read: 0 });
  assert.match(
    (await endOf((s) => ({ ...slow(s), fetched: Math.floor(slow(s).fetched) }), 900)) ?? '',
    'at 46',
  );
});

test('unpacking what has been fetched is none', async () => {
  const abort = new AbortController();
  const end = await endOf((s) => ({ fetched: 1000, read: s * 1024 ** 2 }), 600, abort);
  assert.is(end, 'not wanted at 600');
});

test.run();
