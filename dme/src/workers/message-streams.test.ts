import type { Duplex } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MessageStreams } from './message-streams.js';
import type { StreamMessage } from './messages.js';

/** Two ends of a channel. */
function pair(): { near: MessageStreams; opened: Duplex[] } {
  const opened: Duplex[] = [];
  const far: MessageStreams = new MessageStreams(
    (message, done) => deliver(near, message, done),
    (stream) => void opened.push(stream),
  );
  const near: MessageStreams = new MessageStreams((message, done) => deliver(far, message, done));
  return { near, opened };
}

function deliver(to: MessageStreams, message: StreamMessage, done: (error: Error | null) => void): void {
  setImmediate(() => {
    to.take(message);
    done(null);
  });
}

function textOf(stream: Duplex): Promise<string[]> {
  const heard: string[] = [];
  return new Promise((resolve, reject) => {
    stream.on('data', (bytes) => heard.push(String(bytes)));
    stream.on('end', () => resolve(heard));
    stream.on('error', reject);
  });
}

test('streams keep their messages apart and in order, and end on either side', async () => {
  const { near, opened } = pair();
  const [one, two] = [near.open(), near.open()];
  one.write(Buffer.from('1'));
  two.write(Buffer.from('a'));
  one.write(Buffer.from('2'));
  one.end();
  two.end(Buffer.from('b'));
  await new Promise((resolve) => setTimeout(resolve, 20));
  const [first, second] = opened as [Duplex, Duplex];
  assert.equal(await Promise.all([textOf(first), textOf(second)]), [
    ['1', '2'],
    ['a', 'b'],
  ]);
  const heard = textOf(one);
  first.end(Buffer.from('back'));
  assert.equal(await heard, ['back']);
});

test('what one side breaks off, or what is lost with a process, fails on the other', async () => {
  const { near, opened } = pair();
  const one = near.open();
  const two = near.open();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const failed = textOf(one).catch((error: Error) => error.message);
  opened[0]?.destroy(new Error('enough'));
  assert.is(await failed, 'enough');
  const lost = textOf(two).catch((error: Error) => error.message);
  near.lost();
  assert.is(await lost, 'the process is gone');
});

test.run();
