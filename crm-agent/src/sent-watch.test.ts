import { ObjectTable } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SentWatch } from './sent-watch.js';
import { testFlavor } from './testing.js';

function setUp() {
  const table = new ObjectTable(OBJECTS.Flavor);
  const state = { connected: true };
  const watch = new SentWatch(table, () => state.connected);
  const flushed = async (): Promise<boolean> => {
    let done = false;
    void watch.flushed(keyJson).then(() => {
      done = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    return done;
  };
  const keyJson = OBJECTS.Flavor.keyJsonOf(testFlavor());
  return { table, watch, state, flushed, keyJson };
}

test('a change is flushed once it was asked for', async () => {
  const { table, watch, flushed, keyJson } = setUp();
  assert.is(await flushed(), true);
  table.put(testFlavor());
  assert.is(await flushed(), false);
  watch.get(keyJson);
  assert.is(await flushed(), true);
  table.deleteKeyJson(keyJson);
  assert.is(await flushed(), false);
});

test('nobody waits while there is no session, nor beyond its end', async () => {
  const { table, watch, state, flushed } = setUp();
  table.put(testFlavor());
  state.connected = false;
  assert.is(await flushed(), true);
  state.connected = true;
  let done = false;
  const waiting = watch.flushed(OBJECTS.Flavor.keyJsonOf(testFlavor())).then(() => {
    done = true;
  });
  assert.is(done, false);
  watch.disconnected();
  await waiting;
});

test('waiters on the same change share its end', async () => {
  const { table, watch, keyJson } = setUp();
  table.put(testFlavor());
  const both = Promise.all([watch.flushed(keyJson), watch.flushed(keyJson)]);
  watch.get(keyJson);
  await both;
});

test.run();
