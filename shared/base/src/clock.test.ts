import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Backoff, ManualClock, seededRandom, sleep } from './index.js';

test('a manual clock fires timers in order of time, then of creation', () => {
  const clock = new ManualClock(1000);
  const fired: string[] = [];
  clock.after(20, () => fired.push('late'));
  clock.after(10, () => {
    fired.push('first');
    clock.after(5, () => fired.push('nested'));
  });
  clock.after(10, () => fired.push('second'));
  const cancel = clock.after(10, () => fired.push('never'));
  cancel();
  clock.advance(15);
  assert.equal(fired, ['first', 'second', 'nested']);
  assert.is(clock.now(), 1015);
  clock.advance(5);
  assert.equal(fired.at(-1), 'late');
  assert.is(clock.pending, 0);
});

test('sleep ends with its signal', async () => {
  const clock = new ManualClock();
  const abort = new AbortController();
  const sleeping = sleep(clock, 1000, abort.signal);
  abort.abort(new Error('enough'));
  try {
    await sleeping;
    assert.unreachable();
  } catch (error) {
    assert.is((error as Error).message, 'enough');
  }
  assert.is(clock.pending, 0);
  const other = sleep(clock, 10);
  clock.advance(10);
  await other;
});

test('back-off stays below its bounds and is reproducible', () => {
  const make = () => new Backoff({ base: 100, max: 1000 }, seededRandom(7));
  const [a, b] = [make(), make()];
  for (const bound of [100, 200, 400, 800, 1000, 1000]) {
    const delay = a.next();
    assert.ok(delay >= 0 && delay < bound);
    assert.is(b.next(), delay);
  }
  a.reset();
  assert.is(a.attempt, 0);
});

test.run();
