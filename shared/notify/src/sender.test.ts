import { Duplex } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Ending } from './ending.js';
import { DEFAULT_LIMITS } from './limits.js';
import { Outbox } from './outbox.js';
import { type Feed, Sender } from './sender.js';
import { until } from './testing.js';
import { newCounters } from './types.js';
import { SENDALL_END_NOTICE } from './wire.js';

/** A stream whose reader takes one message per call of `read`. */
function slowStream() {
  const sent: string[] = [];
  let go: (() => void)[] = [];
  const stream = new Duplex({
    objectMode: true,
    writableHighWaterMark: 1,
    read: () => undefined,
    write(chunk: Buffer, _encoding, callback) {
      go.push(() => {
        sent.push(chunk.equals(SENDALL_END_NOTICE) ? 'END' : String(chunk));
        callback();
      });
    },
  });
  return {
    stream,
    sent,
    /** Lets the reader take messages until nothing more comes. */
    async readAll() {
      for (let idle = 0; idle < 5; idle++) {
        const now = go;
        go = [];
        for (const take of now) take();
        if (now.length > 0) idle = 0;
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    async readOne() {
      await until(() => go.length > 0);
      go.shift()?.();
    },
  };
}

function start(tables: readonly Map<string, string>[]) {
  const outbox = new Outbox(tables.length, DEFAULT_LIMITS);
  const feed: Feed = {
    types: tables.length,
    initialKeys: (type) => tables[type]?.keys() ?? [],
    frame: (type, key) => Buffer.from(`${type}:${key}=${tables[type]?.get(key) ?? 'gone'}`),
  };
  const ending = new Ending();
  const slow = slowStream();
  const sender = new Sender({
    stream: slow.stream,
    outbox,
    feed,
    counters: newCounters(),
    ending,
    maxBufferedBytes: 1024,
  });
  const running = sender.run();
  const put = (type: number, key: string, value: string) => {
    tables[type]?.set(key, value);
    outbox.mark(type, key);
  };
  const drop = (type: number, key: string) => {
    tables[type]?.delete(key);
    outbox.mark(type, key);
  };
  return {
    ...slow,
    outbox,
    put,
    drop,
    async stop() {
      ending.end('the test is over');
      await running;
    },
  };
}

test('everything in type order, then one end marker, also when there is nothing', async () => {
  const t = start([new Map([['f', '1']]), new Map([['a', '1']])]);
  await t.readAll();
  assert.equal(t.sent, ['0:f=1', '1:a=1', 'END']);
  t.put(1, 'a', '2');
  t.put(0, 'f', '2');
  await t.readAll();
  assert.equal(t.sent.slice(3), ['0:f=2', '1:a=2']);
  await t.stop();
  const none = start([]);
  await none.readAll();
  assert.equal(none.sent, ['END']);
  await none.stop();
});

test('changes while the peer is slow are sent once, with the latest value', async () => {
  const t = start([new Map(), new Map()]);
  await t.readAll();
  t.put(0, 'x', '1');
  await until(() => t.outbox.size === 0);
  for (let i = 0; i < 1000; i++) {
    t.put(0, 'a', String(i));
    t.put(1, 'b', String(i));
  }
  t.drop(1, 'b');
  assert.is(t.outbox.size, 2);
  await t.readAll();
  assert.equal(t.sent, ['END', '0:x=1', '0:a=999', '1:b=gone']);
  await t.stop();
});

test('what changes during the initial objects still goes before the end marker', async () => {
  const t = start([
    new Map([
      ['a', '1'],
      ['b', '1'],
      ['c', '1'],
      ['d', '1'],
    ]),
    new Map(),
  ]);
  await t.readOne();
  t.put(0, 'd', '2');
  t.put(1, 'new', '1');
  await t.readAll();
  assert.is(t.sent.at(-1), 'END');
  assert.is(t.sent.filter((line) => line.startsWith('0:d')).length, 1);
  assert.ok(t.sent.includes('0:d=2'));
  assert.ok(t.sent.includes('1:new=1'));
  await t.stop();
});

test('an object that changes before its turn waits for what it depends on, but not for ever', async () => {
  const t = start([new Map(), new Map()]);
  await t.readAll();
  // Fill the stream, so that the round below is taken but stuck at its first key.
  t.put(0, 'first', '1');
  t.put(1, 'inst', 'old');
  await until(() => t.outbox.size === 0);
  t.put(0, 'app', '1');
  t.put(1, 'inst', 'needs app');
  await t.readAll();
  const app = t.sent.indexOf('0:app=1');
  const inst = t.sent.indexOf('1:inst=needs app');
  assert.ok(app >= 0 && app < inst, t.sent.join(' '));
  assert.is(t.sent.filter((line) => line.startsWith('1:inst')).length, 1);
  await t.stop();
});

test.run();
