/** Who tells a change of state, when, and that nobody tells it twice. */
import { ManualClock, silentLogger } from '@edgeplane/base';
import { type EventBus, MemoryHub } from '@edgeplane/bus';
import { OBJECTS } from '@edgeplane/objects';
import { ObjectCache } from '@edgeplane/store';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeEvent } from './event-json.js';
import type { States } from './missed-steps.js';
import type { StateStep } from './state-changes.js';
import { StatePublisher } from './state-publisher.js';

interface Context {
  clock: ManualClock;
  bus: EventBus;
  heard: string[];
  publishers: StatePublisher[];
  end: () => Promise<void>;
}

const turns = suite<Context>('state events by turns');

turns.before.each(async (context) => {
  context.clock = new ManualClock(1_700_000_000_000);
  context.bus = new MemoryHub().connect();
  context.publishers = [];
  context.heard = [];
  const stop = new AbortController();
  const reading = (async () => {
    for await (const m of context.bus.subscribe('state.>', { from: 'oldest', signal: stop.signal })) {
      if (m.kind !== 'event') continue;
      const { state, controller } = decodeEvent(m.data);
      context.heard.push(`${controller}: ${state?.key} ${state?.from} ${state?.to} ${state?.revision}`);
    }
  })();
  context.end = async () => {
    stop.abort();
    await reading;
  };
});

turns.after.each(async ({ publishers, bus, end }) => {
  for (const publisher of publishers) await publisher.stop();
  await end();
  await bus.close();
});

const { Controller } = OBJECTS;

function registered(...addresses: string[]) {
  const cache = new ObjectCache({
    name: 'Controller',
    prefix: 'Controller/',
    decode: ({ value }) => Controller.fromStored(value),
  });
  for (const addr of addresses) {
    const value = Controller.toStored(Controller.withKey({ addr }));
    cache.apply(addr, { key: addr, value, revision: 1 }, 1);
  }
  return cache;
}

/** The publisher of the controller at `own`, on a bus that it takes for NATS. */
function publisher(context: Context, own: string, sources: readonly States[] = []): StatePublisher {
  const { bus, clock } = context;
  const shared: EventBus = {
    kind: 'nats',
    publish: (event) => bus.publish(event),
    subscribe: (pattern, options) => bus.subscribe(pattern, options),
    askAll: (topic, request, control) => bus.askAll(topic, request, control),
    answer: (topic, handler) => bus.answer(topic, handler),
    status: () => bus.status(),
    close: () => bus.close(),
  };
  const made = new StatePublisher({
    ...{ bus: shared, clock, region: 1, sources, logger: silentLogger },
    controllers: registered('a:1', 'b:1', 'c:1'),
    revision: () => 20,
    ownAddress: () => own,
  });
  context.publishers.push(made);
  made.start();
  return made;
}

const step = (key: string, from: string, to: string, revision: number): StateStep => ({
  ...{ type: 'AppInst', key, from, to, revision },
  gone: to === 'NotPresent',
});

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let i = 0; i < 2000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(condition(), what);
}

turns('the first tells at once, the others keep quiet when they hear it', async (context) => {
  const [a, b, c] = ['a:1', 'b:1', 'c:1'].map((own) => publisher(context, own));
  for (const one of [c, b, a]) one?.take(step('x', 'Creating', 'Ready', 5));
  await until('heard', () => context.heard.length === 1);
  await until('nobody waits', () => context.clock.pending === 0);
  context.clock.advance(10_000);
  b?.take(step('x', 'Creating', 'Ready', 5));
  assert.is(context.clock.pending, 0, 'what has been heard is not waited for');
  assert.equal(context.heard, ['a:1: x Creating Ready 5']);
});

turns('the next tells when the first does not', async (context) => {
  const [b, c] = ['b:1', 'c:1'].map((own) => publisher(context, own));
  for (const one of [b, c]) {
    one?.take(step('x', 'NotPresent', 'Creating', 4));
    one?.take(step('x', 'Creating', 'Ready', 5));
  }
  context.clock.advance(999);
  assert.equal(context.heard, []);
  context.clock.advance(1);
  await until('nobody waits', () => context.clock.pending === 0);
  context.clock.advance(10_000);
  await until('heard', () => context.heard.length === 2);
  assert.equal(context.heard, ['b:1: x NotPresent Creating 4', 'b:1: x Creating Ready 5']);
});

turns(
  'that an object is gone is told once, though controllers know it of different revisions',
  async (context) => {
    const [a, b] = ['a:1', 'b:1'].map((own) => publisher(context, own));
    b?.take(step('x', 'Ready', 'NotPresent', 12));
    a?.take(step('x', 'Deleting', 'NotPresent', 10));
    await until('nobody waits', () => context.clock.pending === 0);
    context.clock.advance(10_000);
    await until('heard', () => context.heard.length > 0);
    assert.equal(context.heard, ['a:1: x Deleting NotPresent 10']);
  },
);

turns('what nobody lived to tell is told at the next start, as one step', async (context) => {
  const before = publisher(context, 'a:1');
  before.take(step('x', 'NotPresent', 'Creating', 5));
  before.take(step('y', 'Creating', 'Ready', 7));
  before.take(step('same', 'Creating', 'Ready', 8));
  await until('heard', () => context.heard.length === 3);
  await before.stop();
  const current = [
    { key: 'x', state: 'Ready', revision: 9 },
    { key: 'same', state: 'Ready', revision: 11 },
    { key: 'never told', state: 'Ready', revision: 3 },
  ];
  publisher(context, 'a:1', [{ type: 'AppInst', absent: 'NotPresent', current: () => current }]);
  await until('heard', () => context.heard.length === 5);
  assert.equal(context.heard.slice(3), ['a:1: x Creating Ready 9', 'a:1: y Ready NotPresent 20']);
});

turns.run();
