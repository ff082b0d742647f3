import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Outbox } from './outbox.js';

const shown = (outbox: Outbox) => {
  const { keys, messages } = outbox.take();
  return { keys: keys.map((set) => [...set]), messages: messages.map(String) };
};

const limits = (maxDirtyKeys: number, maxMessages: number, maxMessageBytes = 1000) => ({
  ...{ maxDirtyKeys, maxMessages, maxMessageBytes },
});

test('a key waits once however often it changes', () => {
  const outbox = new Outbox(2, limits(10, 10));
  for (let i = 0; i < 100; i++) outbox.mark(1, 'b');
  outbox.mark(0, 'a');
  assert.is(outbox.size, 2);
  assert.equal(shown(outbox), { keys: [['a'], ['b']], messages: [] });
  assert.is(outbox.size, 0);
  assert.not.ok(outbox.isMarked(1, 'b'));
});

test('more keys than allowed is reported, more messages are dropped', () => {
  const outbox = new Outbox(1, limits(2, 1));
  assert.ok(outbox.mark(0, 'a'));
  assert.ok(outbox.mark(0, 'b'));
  assert.ok(outbox.mark(0, 'b'));
  assert.not.ok(outbox.mark(0, 'c'));
  assert.ok(outbox.addMessage(Buffer.from('m')));
  assert.not.ok(outbox.addMessage(Buffer.from('n')));
  assert.equal(shown(outbox).messages, ['m']);
});

test('waiting ends with a change, a message or the signal', async () => {
  const outbox = new Outbox(1, limits(10, 10));
  const abort = new AbortController();
  for (const act of [
    () => void outbox.mark(0, 'a'),
    () => void outbox.addMessage(Buffer.from('m')),
    () => abort.abort(),
  ]) {
    const waiting = outbox.wait(abort.signal);
    act();
    await waiting;
    outbox.take();
  }
});

test('messages are bounded by their bytes too', () => {
  const outbox = new Outbox(1, limits(10, 10, 100));
  const message = (bytes: number) => Buffer.alloc(bytes);
  assert.equal(
    [outbox.addMessage(message(500)), outbox.addMessage(message(1))],
    [true, false],
    'one is always taken',
  );
  outbox.take();
  assert.equal(
    [outbox.addMessage(message(60)), outbox.addMessage(message(40)), outbox.addMessage(message(1))],
    [true, true, false],
  );
});

test.run();
