import { ManualClock, seededRandom, silentLogger } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ContainerKeeper } from './container-keeper.js';

function setUp(answers: (boolean | Error)[]) {
  const clock = new ManualClock();
  const asked: number[] = [];
  const reviver = {
    async revive() {
      asked.push(clock.monotonic());
      const answer = answers.shift() ?? true;
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  const keeper = new ContainerKeeper({ reviver, clock, random: seededRandom(1), logger: silentLogger });
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 100) {
      clock.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { keeper, asked, pass };
}

test('what podman starts again is looked at once, however often it ends meanwhile', async () => {
  const { keeper, asked, pass } = setUp([true]);
  for (let i = 0; i < 5; i++) keeper.ended('a');
  await pass(2900);
  assert.is(asked.length, 0, 'podman has its time');
  await pass(60_000);
  assert.is(asked.length, 1);
});

test('what does not start is tried again, later and later, until it runs', async () => {
  const full = new Error('no room');
  const { keeper, asked, pass } = setUp([full, full, full, full, full, full, full, full, false, true]);
  keeper.ended('a');
  await pass(600_000);
  assert.is(asked.length, 10, 'eight times in vain, once with success, once to see');
  const gaps = asked.slice(1).map((at, i) => at - (asked[i] ?? 0));
  assert.ok(Math.min(...gaps) >= 3000 && Math.max(...gaps) > 10_000, `${gaps}`);
  keeper.ended('a');
  await pass(10_000);
  assert.is(asked.length, 11, 'the next end is another matter');
});

test('nothing is started after the stop', async () => {
  const { keeper, asked, pass } = setUp([]);
  keeper.ended('a');
  await keeper.stop();
  keeper.ended('b');
  await pass(60_000);
  assert.equal(asked, []);
});

test.run();
