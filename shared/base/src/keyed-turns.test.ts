import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { KeyedTurns } from './keyed-turns.js';

test('work on a key is serial and in order, on different keys parallel, and failures pass the turn on', async () => {
  const turns = new KeyedTurns();
  const log: string[] = [];
  const work = (key: string, name: string, fails = false) =>
    turns.run(key, async () => {
      log.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      log.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    });
  const results = await Promise.allSettled([work('k', 'a', true), work('k', 'b'), work('other', 'c')]);
  assert.equal(
    results.map((r) => r.status),
    ['rejected', 'fulfilled', 'fulfilled'],
  );
  const serial = log.filter((l) => !l.startsWith('c'));
  assert.equal(serial, ['a begins', 'a ends', 'b begins', 'b ends']);
  assert.ok(log.indexOf('c begins') < log.indexOf('a ends'));
});

test('several keys are held at once, and idle waits for all', async () => {
  const turns = new KeyedTurns();
  const log: string[] = [];
  const step = (name: string) => async () => {
    log.push(`${name} begins`);
    await new Promise((resolve) => setImmediate(resolve));
    log.push(`${name} ends`);
  };
  void turns.runAll(['a', 'b'], step('both'));
  void turns.run('a', step('one'));
  void turns.runAll([], step('none'));
  await turns.idle();
  assert.equal(
    log.filter((line) => !line.startsWith('none')),
    ['both begins', 'both ends', 'one begins', 'one ends'],
  );
  await turns.idle();
});

test.run();
