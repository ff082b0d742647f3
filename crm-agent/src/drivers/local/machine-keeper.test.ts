import { type Deferred, deferred, ManualClock, seededRandom, silentLogger } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MachineKeeper } from './machine-keeper.js';

function setUp(fails = 0) {
  const clock = new ManualClock();
  let exit: Deferred<{ state: string }> = deferred();
  let starts = 0;
  const runner = {
    async start() {
      starts += 1;
      if (starts <= fails) throw new Error('no memory');
      exit = deferred();
      return { state: 'running' };
    },
    waitForExit(_id: string, signal: AbortSignal) {
      signal.addEventListener('abort', () => exit.reject(signal.reason));
      return exit.promise;
    },
  };
  const keeper = new MachineKeeper({ runner, clock, logger: silentLogger, random: seededRandom(1) });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const die = async () => {
    exit.resolve({ state: 'failed' });
    await settle();
  };
  const wait = async (ms: number) => {
    clock.advance(ms);
    await settle();
  };
  return { keeper, die, wait, starts: () => starts };
}

test('a machine that ends is started again, ever more slowly', async () => {
  const { keeper, die, wait, starts } = setUp();
  keeper.keep('a');
  keeper.keep('a');
  await die();
  await wait(1000);
  assert.is(starts(), 1);
  await die();
  await wait(2000);
  assert.is(starts(), 2);
  await keeper.stop();
});

test('a start that fails is tried again', async () => {
  const { keeper, die, wait, starts } = setUp(1);
  keeper.keep('a');
  await die();
  await wait(1000);
  assert.is(starts(), 1);
  await wait(60_000);
  await wait(60_000);
  assert.is(starts(), 2);
  await keeper.stop();
});

test('a machine that was let go stays down', async () => {
  const { keeper, die, wait, starts } = setUp();
  keeper.keep('a');
  await die();
  await keeper.release('a');
  await wait(60_000);
  assert.is(starts(), 0);
});

test.run();
