import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hostTurn } from './host-turn.js';

const dir = mkdtempSync(join(tmpdir(), 'turn-'));
test.after(() => rmSync(dir, { recursive: true, force: true }));
const signal = new AbortController().signal;

test('work takes turns, also after a failure', async () => {
  let running = 0;
  const work = async (i: number) => {
    running += 1;
    assert.is(running, 1);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    if (i === 0) throw new Error('first');
    return i;
  };
  const all = [0, 1, 2].map((i) => hostTurn(dir, systemClock, signal, () => work(i)));
  const outcomes = await Promise.allSettled(all);
  assert.equal(
    outcomes.map((o) => o.status),
    ['rejected', 'fulfilled', 'fulfilled'],
  );
});

test('a folder that cannot be made does not stand in the way', async () => {
  const file = join(dir, 'file');
  writeFileSync(file, '');
  assert.is(await hostTurn(join(file, 'below'), systemClock, signal, async () => 1), 1);
});

test.run();
