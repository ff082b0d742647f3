// test: timeout=180s
import { createLogger, seededRandom, silentLogger, systemClock } from '@edgeplane/base';
import { type BusLimits, type EventBus, NatsBus } from '@edgeplane/bus';
import { busConformance, TEST_TOPICS } from '@edgeplane/bus/conformance';
import { eventually, type Nats, startNats, tempDir } from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const dir = tempDir('nats');
let nats: Nats;
let subjects = 0;
const level = process.env['LOG_LEVEL'];
const logger = level === undefined ? silentLogger : createLogger({ name: 'bus-nats', level });

test.before(async () => {
  nats = await startNats({ dir: dir.path });
});
test.after(async () => {
  await nats.stop();
  dir.remove();
});

/** Clients of a prefix, and so of a stream, of their own. */
function clients(limits: Partial<BusLimits> = {}) {
  subjects += 1;
  const prefix = `edgeplane.t${subjects}`;
  const opened: EventBus[] = [];
  return {
    connect: (): EventBus => {
      const name = `p${opened.length}`;
      const random = seededRandom(opened.length);
      const options = { urls: [nats.url], name, publisher: name, prefix, topics: TEST_TOPICS, limits };
      const bus = new NatsBus({ ...options, clock: systemClock, random, logger });
      opened.push(bus);
      return bus;
    },
    cleanup: async () => {
      for (const bus of opened) await bus.close();
    },
  };
}

busConformance(test, 'nats', async (limits) => ({
  ...clients(limits),
  down: () => nats.kill(),
  up: () => nats.restart(),
  upEmpty: async () => {
    nats.wipe();
    await nats.restart();
  },
}));

test('a client that starts before its server publishes and hears once it is there', async () => {
  const { connect, cleanup } = clients();
  await nats.kill();
  const bus = connect();
  const stop = new AbortController();
  try {
    bus.publish({ subject: 'state.A.x', id: 'first', order: 1, data: Buffer.from('') });
    assert.equal(bus.status(), { connected: false, waiting: 1, stored: 0, dropped: 0 });
    await nats.restart();
    for await (const message of bus.subscribe('state.>', { from: 'oldest', signal: stop.signal })) {
      if (message.kind !== 'event') continue;
      assert.is(message.id, 'first');
      break;
    }
  } finally {
    stop.abort();
    await cleanup();
  }
});

test('killed, stopped and started again under publishers and subscribers: each event once, in order', async () => {
  const { connect, cleanup } = clients();
  const publishers = [connect(), connect()];
  const reader = connect();
  const stop = new AbortController();
  const heard: string[] = [];
  let gaps = 0;
  const reading = (async () => {
    for await (const message of reader.subscribe('state.>', { from: 'oldest', signal: stop.signal })) {
      if (message.kind === 'event') heard.push(message.id);
      if (message.kind === 'gap') gaps += 1;
    }
  })();
  let order = 0;
  const ids: string[] = [];
  const more = async (count: number) => {
    for (let n = 0; n < count; n++) {
      order += 1;
      const subject = `state.A.k${order % 5}`;
      const id = `${subject}@${order}`;
      ids.push(id);
      // As two controllers do: both tell of every change.
      for (const bus of publishers) bus.publish({ subject, id, order, data: Buffer.from(id) });
      if (n % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  try {
    await more(200);
    await nats.restart();
    await more(200);
    await eventually('it goes on', () => heard.length >= 300, 60_000);
    nats.pause();
    await more(200);
    await eventually('the silence is noticed', () => !publishers[0]?.status().connected, 60_000);
    await more(200);
    nats.resume();
    await more(200);
    await nats.kill();
    await more(200);
    await nats.restart();
    await more(100);
    await eventually('all is heard', () => heard.length >= ids.length, 60_000);
    const bySubject = (all: readonly string[]) => [...all].sort((a, b) => keyOf(a).localeCompare(keyOf(b)));
    assert.equal(bySubject(heard), bySubject(ids), 'each once, in order per subject');
    assert.is(gaps, 0);
    assert.equal(
      publishers.map((bus) => bus.status().dropped),
      [0, 0],
    );
  } finally {
    nats.resume();
    stop.abort();
    await reading;
    await cleanup();
  }
});

const keyOf = (id: string) => id.split('@')[0] ?? '';

test.run();
