import { createLogger, fail, ManualClock, seededRandom } from '@edgeplane/base';
import type { Metric } from '@edgeplane/proto/edgeproto/metric.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { influxErrors } from './influx-client.js';
import { InfluxWriter, QUEUE_MAX } from './influx-writer.js';

const UNREACHABLE = fail(influxErrors.INFLUX_UNREACHABLE, { addr: 'x:1', reason: 'no' });
const NO_DATABASE = fail(influxErrors.INFLUX_NO_DATABASE, { addr: 'x:1', database: 'metrics' });
const REFUSED = fail(influxErrors.INFLUX_REFUSED, { addr: 'x:1', reason: 'partial write' });

interface Context {
  clock: ManualClock;
  writer: InfluxWriter;
  /** What each request ends with, the next one first; success when there is none. */
  faults: Error[];
  requests: string[];
  written: string[];
  lines: string[];
}

const tests = suite<Context>('influx writer');

tests.before.each((context) => {
  Object.assign(context, { clock: new ManualClock(), faults: [], requests: [], written: [], lines: [] });
  const request = (name: string) => {
    context.requests.push(name);
    const fault = context.faults.shift();
    if (fault) throw fault;
  };
  context.writer = new InfluxWriter({
    client: {
      addr: 'x:1',
      createDatabase: async () => request('create'),
      async write(lines) {
        request(`write ${lines.length}`);
        context.written.push(...lines);
      },
    },
    clock: context.clock,
    random: seededRandom(1),
    logger: createLogger({ name: 't', destination: { write: (line) => context.lines.push(line) } }),
  });
});

tests.after.each(({ writer }) => writer.stop());

const settle = async () => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
};
const sample = (n: number): Metric => ({
  name: 'm',
  timestamp: { seconds: BigInt(n), nanos: 0 },
  tags: [],
  vals: [{ name: 'v', value: { $case: 'ival', value: BigInt(n) } }],
});
const add = ({ writer }: Context, count: number, from = 0) => {
  for (let n = from; n < from + count; n++) writer.add(sample(n));
};

tests('points are written after a second, or at once when there are more than fifty', async (context) => {
  context.writer.start();
  add(context, 50);
  await settle();
  assert.equal(context.requests, ['create']);
  context.clock.advance(1000);
  await settle();
  assert.equal(context.requests, ['create', 'write 50']);
  add(context, 51, 50);
  await settle();
  assert.is(context.written.length, 101);
  assert.is(context.written.at(-1), 'm v=100i 100000000');
});

tests('an outage loses nothing of what the queue holds, and says one thing', async (context) => {
  context.faults.push(...Array.from({ length: 9 }, () => UNREACHABLE));
  context.writer.start();
  add(context, QUEUE_MAX + 7);
  for (let i = 0; i < 12; i++) {
    await settle();
    context.clock.advance(5000);
  }
  await settle();
  assert.is(context.written.length, QUEUE_MAX);
  assert.equal(context.writer.counters, { written: QUEUE_MAX, dropped: 7, refused: 0 });
  assert.equal([...new Set(context.written)], context.written, 'each once, in order');
  const said = context.lines.map((line) => JSON.parse(line)).filter((line) => line.msg === 'InfluxDB');
  assert.equal(
    said.map(({ from, to }) => [from, to]),
    [
      ['starting', 'down'],
      ['down', 'up'],
    ],
  );
});

tests('a database that is gone is made again; points that are wrong hold up nobody', async (context) => {
  context.writer.start();
  await settle();
  context.faults.push(NO_DATABASE);
  add(context, 51);
  await settle();
  context.clock.advance(5000);
  await settle();
  assert.equal(context.requests, ['create', 'write 51', 'create', 'write 51']);
  context.faults.push(REFUSED);
  add(context, 51);
  await settle();
  assert.equal(context.writer.counters, { written: 51, dropped: 0, refused: 51 });
  assert.is(context.writer.waiting, 0);
});

tests('what waits at the end is written once more', async (context) => {
  context.writer.start();
  await settle();
  add(context, 3);
  await context.writer.stop();
  assert.is(context.written.length, 3);
});

tests.run();
