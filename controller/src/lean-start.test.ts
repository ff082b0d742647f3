import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startLean } from './lean-start.js';

test('a lean service is the service, however its start ends', async () => {
  const calls: string[] = [];
  const addresses = { api: '127.0.0.1:1' };
  let fails = true;
  const lean = startLean({
    addresses,
    start: async () => {
      calls.push('start');
      if (fails) throw new Error('no store');
    },
    stop: async () => void calls.push('stop'),
  });
  assert.is(lean.addresses, addresses);
  const refused = await lean.start().catch((error: unknown) => error);
  assert.is((refused as Error).message, 'no store');
  fails = false;
  await lean.start();
  await lean.stop();
  assert.equal(calls, ['start', 'start', 'stop']);
});

test.run();
