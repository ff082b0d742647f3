// test: timeout=120s
/** Samples on their way from notify clients through a controller into a real InfluxDB, which crashes meanwhile. */
import { createLogger } from '@edgeplane/base';
import { NotifyClient } from '@edgeplane/notify';
import {
  eventually,
  type Influx,
  type Running,
  startController,
  startInflux,
  tempDir,
} from '@edgeplane/test-harness';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

interface Context {
  dir: ReturnType<typeof tempDir>;
  influx: Influx;
  controller: Running;
  client: NotifyClient;
}

const tests = suite<Context>('samples in InfluxDB');

tests.before(async (context) => {
  context.dir = tempDir('influx');
  const dir = context.dir.path;
  context.influx = await startInflux(dir);
  // The controller starts without it, and finds it later.
  await context.influx.kill();
  context.controller = await startController(dir, 'memory', ['--influx-addr', context.influx.addr]);
  context.client = new NotifyClient({
    addrs: [context.controller.addresses['notify'] ?? ''],
    filterCloudletKey: false,
    sources: [],
    receivers: [],
    messageReceivers: [],
    logger: createLogger({ name: 'client', level: 'silent' }),
  });
  context.client.start();
  await context.client.when('synced');
});

tests.after(async ({ client, controller, influx, dir }) => {
  await client.stop();
  assert.equal(await controller.stop(), { code: 0, signal: null });
  await influx.kill();
  dir.remove();
});

const PART = 700;

/** Sends points numbered from `from` on, one per microsecond, as fast as they are taken. */
async function send({ client }: Context, from: number): Promise<void> {
  for (let n = from; n < from + PART; n++) {
    const sample = {
      name: 'e2e count',
      timestamp: { seconds: 1_700_000_000n, nanos: n * 1000 },
      tags: [{ name: 'dev', val: 'Acme, "Inc" = 1' }],
      vals: [
        { name: 'n', value: { $case: 'ival', value: BigInt(n) } },
        { name: 'half', value: { $case: 'dval', value: n / 2 } },
      ],
    };
    await eventually('the sample is taken', async () => client.sendMessage('Metric', sample));
  }
}

async function arrived({ influx }: Context, count: number): Promise<void> {
  await eventually(`${count} points are there`, async () => {
    const [row] = await influx.query('select count(n) from "e2e count"');
    return row?.[1] === count;
  });
}

tests('no point is lost while InfluxDB is away, crashes and comes back', async (context) => {
  await send(context, 0);
  await context.influx.start();
  await arrived(context, PART);
  await send(context, PART);
  await context.influx.kill();
  await send(context, 2 * PART);
  await context.influx.start();
  await send(context, 3 * PART);
  await arrived(context, 4 * PART);
  const sums = await context.influx.query(
    `select sum(n), sum(half), max(n) from "e2e count" where dev = 'Acme, "Inc" = 1'`,
  );
  const sum = (4 * PART * (4 * PART - 1)) / 2;
  assert.equal(sums[0]?.slice(1), [sum, sum / 2, 4 * PART - 1]);
});

tests('the log has one line per change', async ({ controller }) => {
  const said = controller.tail().filter((line) => line.includes('"InfluxDB"'));
  const changes = said.map((line) => JSON.parse(line)).map(({ from, to }) => `${from} ${to}`);
  assert.is(changes[0], 'starting down');
  assert.ok(changes.length <= 5, changes.join(', '));
});

tests.run();
