import { isKind, systemClock } from '@edgeplane/base';
import * as assert from 'uvu/assert';
import { MAX_MESSAGE_BYTES } from './bus.js';
import { outageTests } from './conformance-outages.js';
import {
  type BusSubject,
  type DefineTest,
  event,
  Listener,
  type MakeBusSubject,
  until,
} from './conformance-subject.js';
import { busErrors } from './errors.js';

export { type BusSubject, type MakeBusSubject, TEST_TOPICS } from './conformance-subject.js';

/** The definition of `EventBus`, as tests. `makeSubject` makes a bus without events, for every test. */
export function busConformance(test: DefineTest, name: string, makeSubject: MakeBusSubject): void {
  const define = (
    what: string,
    body: (subject: BusSubject) => Promise<void>,
    limits?: Parameters<MakeBusSubject>[0],
  ) => {
    test(`${name}: ${what}`, async () => {
      const subject = await makeSubject(limits);
      try {
        await body(subject);
      } finally {
        await subject.cleanup();
      }
    });
  };
  eventTests(define);
  outageTests(define);
  questionTests(define);
}

type Define = (
  what: string,
  body: (subject: BusSubject) => Promise<void>,
  limits?: Parameters<MakeBusSubject>[0],
) => void;

function eventTests(define: Define): void {
  define('subscribers hear what matches, from where they ask', async ({ connect }) => {
    const [one, two] = [connect(), connect()];
    const all = await new Listener(two, 'state.>').ready();
    const some = await new Listener(two, 'state.*.x').ready();
    one.publish(event('state.A.x', 1));
    one.publish(event('state.A.y', 2));
    one.publish(event('audit.A.x', 3));
    one.publish(event('state.B.x', 4));
    one.publish(event('state.B.x.z', 5));
    assert.equal(await all.hears(4), ['state.A.x@1', 'state.A.y@2', 'state.B.x@4', 'state.B.x.z@5']);
    assert.equal(await some.hears(2), ['state.A.x@1', 'state.B.x@4']);
    const late = new Listener(one, '*.>', 'oldest');
    assert.is((await late.hears(5)).length, 5);
    const [first] = all.messages.filter((m) => m.kind === 'event');
    if (first?.kind !== 'event') throw new Error('an event is expected');
    assert.equal(
      [first.subject, first.order, Buffer.from(first.data).toString()],
      ['state.A.x', 1, 'state.A.x@1'],
    );
    const resumed = new Listener(two, '*.>', { after: first.position });
    assert.equal(await resumed.hears(4), (await late.hears(5)).slice(1));
    const fresh = await new Listener(one, '*.>').ready();
    assert.equal(fresh.heard, []);
    assert.equal(
      fresh.messages.map((m) => m.kind),
      ['mark'],
    );
    for (const listener of [all, some, late, resumed, fresh]) await listener.stop();
  });

  define(
    'the same event from several publishers is one event; an older one comes to nobody',
    async ({ connect }) => {
      const [one, two] = [connect(), connect()];
      const listener = await new Listener(one, 'state.>').ready();
      for (let n = 1; n <= 50; n++) {
        one.publish(event('state.A.x', n));
        two.publish(event('state.A.x', n));
      }
      await until('all is stored', () => one.status().waiting + two.status().waiting === 0);
      two.publish({ ...event('state.A.x', 7), id: 'another id' });
      two.publish(event('state.A.y', 1));
      const heard = await listener.hears(51);
      assert.equal(heard, [...Array.from({ length: 50 }, (_, i) => `state.A.x@${i + 1}`), 'state.A.y@1']);
      await listener.stop();
    },
  );

  define('a slow reader is waited for by nobody and misses nothing', async ({ connect }) => {
    const bus = connect();
    let free = () => {};
    const held = new Promise<void>((resolve) => {
      free = resolve;
    });
    const slow = await new Listener(bus, 'state.>', 'now', (m) =>
      m.kind === 'event' ? held : Promise.resolve(),
    ).ready();
    const quick = await new Listener(bus, 'state.>').ready();
    for (let n = 1; n <= 1000; n++) bus.publish(event(`state.A.k${n % 7}`, n));
    assert.is((await quick.hears(1000)).length, 1000);
    assert.is(slow.heard.length, 1);
    free();
    await slow.hears(1000);
    assert.equal(slow.heard, quick.heard);
    await slow.stop();
    await quick.stop();
  });

  define(
    'what the limits removed is told as a gap, once',
    async ({ connect }) => {
      const bus = connect();
      const early = await new Listener(bus, 'state.>').ready();
      bus.publish(event('state.A.x', 0));
      await early.hears(1);
      const { position } = early;
      await early.stop();
      for (let n = 1; n <= 30; n++) bus.publish(event(`state.A.x`, n));
      await until('all is stored', () => bus.status().waiting === 0);
      const late = new Listener(bus, 'state.>', { after: position });
      const heard = await late.hears(11);
      assert.equal(heard, ['gap expired 20', ...Array.from({ length: 10 }, (_, i) => `state.A.x@${i + 21}`)]);
      await late.stop();
    },
    { keepEvents: 10 },
  );

  define('a mark says how far one has come although nothing matched', async ({ connect }) => {
    const bus = connect();
    const listener = await new Listener(bus, 'audit.>').ready();
    const { position } = listener;
    for (let n = 1; n <= 300; n++) bus.publish(event('state.A.x', n));
    await until('a mark further on', () => listener.position !== position);
    assert.equal(listener.heard, []);
    await listener.stop();
  });

  define('what cannot be is refused', async ({ connect }) => {
    const bus = connect();
    for (const subject of ['', 'state.', 'state. ', 'state.*', 'state.>', 'a..b']) {
      assert.ok(
        isKind(
          thrown(() => bus.publish({ ...event('x', 1), subject })),
          busErrors.BUS_SUBJECT,
        ),
        subject,
      );
    }
    for (const pattern of ['', 'a.>.b', 'a b']) {
      assert.ok(
        isKind(
          thrown(() => bus.subscribe(pattern)),
          busErrors.BUS_SUBJECT,
        ),
        pattern,
      );
    }
    const nowhere = () => bus.subscribe('>', { from: { after: 'nowhere' } });
    assert.ok(isKind(thrown(nowhere), busErrors.BUS_POSITION));
  });

  define('a large event arrives; one too large is dropped and told as a gap', async ({ connect }) => {
    const bus = connect();
    const listener = await new Listener(bus, 'state.>').ready();
    bus.publish({ ...event('state.A.x', 1), data: new Uint8Array(MAX_MESSAGE_BYTES) });
    bus.publish({ ...event('state.A.x', 2), data: new Uint8Array(MAX_MESSAGE_BYTES + 1) });
    bus.publish(event('state.A.x', 3));
    const heard = await listener.hears(3);
    assert.equal([...heard].sort(), ['gap unpublished 1', 'state.A.x@1', 'state.A.x@3']);
    assert.is(bus.status().dropped, 1);
    await listener.stop();
  });

  define('a closed bus ends its subscriptions and stores what it was given', async ({ connect }) => {
    const [one, two] = [connect(), connect()];
    const ended = await new Listener(one, 'state.>').ready();
    const heard = await new Listener(two, 'state.>').ready();
    for (let n = 1; n <= 20; n++) one.publish(event('state.A.x', n));
    await one.close();
    assert.is((await heard.hears(20)).length, 20);
    await ended.stop();
    await heard.stop();
  });
}

function questionTests(define: Define): void {
  const say = (text: string) => new Uint8Array(Buffer.from(text));

  define('everybody who answers is heard, in as many parts as there are', async ({ connect }) => {
    const buses = [connect(), connect(), connect()];
    const stops = buses.map((bus, i) =>
      bus.answer('who', async (request, reply) => {
        for (let part = 0; part <= i; part++) reply(say(`${Buffer.from(request)}${i}${part}`));
      }),
    );
    buses[0]?.answer('other', async (_, reply) => reply(say('wrong')));
    const asking = connect();
    const ask = async (count: number, deadlineMs: number) => {
      const heard: string[] = [];
      for await (const part of asking.askAll('who', say('q'), { deadlineMs })) {
        heard.push(Buffer.from(part).toString());
        if (heard.length === count) break;
      }
      return heard.sort();
    };
    await until('all answer', async () => {
      const heard = await ask(6, 500).catch(() => []);
      return heard.length === 6;
    });
    assert.equal(await ask(6, 30_000), ['q00', 'q10', 'q11', 'q20', 'q21', 'q22']);
    stops[2]?.();
    await until('one has gone', async () => {
      const heard: string[] = [];
      try {
        for await (const part of asking.askAll('who', say('q'), { deadlineMs: 300 })) {
          heard.push(Buffer.from(part).toString());
        }
      } catch {
        return false;
      }
      return heard.sort().join() === 'q00,q10,q11';
    });
  });

  define('a deadline ends the waiting, a signal too; a failing answer harms nobody', async ({ connect }) => {
    const [asking, silent] = [connect(), connect()];
    silent.answer('slow', (_, __, signal) => {
      return new Promise<void>((resolve) =>
        signal.addEventListener('abort', () => resolve(), { once: true }),
      );
    });
    silent.answer('bad', async () => {
      throw new Error('on purpose');
    });
    await until('connected', () => asking.status().connected && silent.status().connected);
    const began = systemClock.monotonic();
    for (const topic of ['slow', 'bad', 'nobody']) {
      for await (const _ of asking.askAll(topic, say(''), { deadlineMs: 100 })) throw new Error('no answer');
    }
    const abort = new AbortController();
    systemClock.after(50, () => abort.abort());
    const control = { deadlineMs: 600_000, signal: abort.signal };
    for await (const _ of asking.askAll('slow', say(''), control)) throw new Error('no answer');
    assert.ok(systemClock.monotonic() - began < 30_000);
    const large = asking.askAll('slow', new Uint8Array(MAX_MESSAGE_BYTES + 1), { deadlineMs: 100 });
    assert.ok(isKind(await rejection(large), busErrors.BUS_TOO_LARGE));
  });

  define('without a bus there is no asking', async (subject) => {
    const bus = subject.connect();
    await until('connected', () => bus.status().connected);
    await subject.down();
    await until('not connected', () => !bus.status().connected);
    const error = await rejection(bus.askAll('who', say(''), { deadlineMs: 10_000 }));
    assert.ok(isKind(error, busErrors.BUS_UNAVAILABLE), String(error));
    await subject.up();
  });
}

function thrown(body: () => unknown): unknown {
  try {
    body();
  } catch (error) {
    return error;
  }
  return undefined;
}

async function rejection(iterable: AsyncIterable<unknown>): Promise<unknown> {
  try {
    for await (const _ of iterable);
  } catch (error) {
    return error;
  }
  return undefined;
}
