import { systemClock } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../testing.js';
import { RetainedPeers } from './retained-peers.js';

function peers() {
  let id = 0n;
  return new RetainedPeers(systemClock, { graceMs: 60_000, maxStale: 10 }, () => id++);
}

test('a connection that had to wait does not take the place of one that came later', async () => {
  const retained = peers();
  const turns = [retained.nextTurn(), retained.nextTurn(), retained.nextTurn()] as const;
  let flushed: () => void = () => undefined;
  const flush = () => new Promise<void>((resolve) => (flushed = resolve));
  const first = await retained.begin(turns[0], 'agent', undefined, false, async () => undefined);
  await retained.finish('agent', first, false, flush);
  const ended: string[] = [];
  // Waits for what the first left behind.
  const late = retained.begin(turns[1], 'agent', undefined, false, async () => undefined);
  const outcome = late.then(
    () => 'begun',
    (error: Error) => error.message,
  );
  const last = await retained.begin(turns[2], 'agent', undefined, false, async () => void ended.push('last'));
  flushed();
  assert.is(await outcome, 'notify session closed: the peer has connected anew since');
  assert.equal(ended, [], 'the last goes on');
  assert.is.not(last.id, first.id);
});

test('a connection that comes later ends the one before it', async () => {
  const retained = peers();
  const turns = [retained.nextTurn(), retained.nextTurn()] as const;
  let over = false;
  const first = await retained.begin(turns[0], 'agent', undefined, false, async () => {
    over = true;
    await retained.finish('agent', first, false, async () => undefined);
  });
  const second = await retained.begin(turns[1], 'agent', undefined, true, async () => undefined);
  await until(() => over);
  assert.is(second.id, first.id, 'it goes on where that was');
  assert.is(second.held, first.held);
});

test.run();
