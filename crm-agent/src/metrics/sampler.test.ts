import { ManualClock, silentLogger } from '@edgeplane/base';
import { OBJECTS, readAppInstMetric, readCloudletMetric } from '@edgeplane/objects';
import type { Metric } from '@edgeplane/proto/edgeproto/metric.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { InstanceUsage } from '../drivers/driver.js';
import { testAppInst, testCloudletKey } from '../testing.js';
import { Sampler } from './sampler.js';

interface Context {
  clock: ManualClock;
  sent: Metric[];
  /** What the driver finds, by key JSON; an error when it is text. */
  usage: Map<string, InstanceUsage | string>;
  running: string[];
  measured: number;
  wanted: boolean;
  sampler: Sampler;
}

const tests = suite<Context>('sampler');
const KEY = OBJECTS.AppInst.keyJsonOf(testAppInst());
const OTHER = OBJECTS.AppInst.keyJsonOf({
  ...testAppInst(),
  key: { appKey: undefined, clusterInstKey: undefined },
});

tests.before.each((context) => {
  const clock = new ManualClock(1_000_000);
  Object.assign(context, { clock, sent: [], usage: new Map(), running: [], measured: 0, wanted: true });
  const host = {
    ...{ cpuNanos: 0, cores: 4, memoryBytes: 5, memoryTotalBytes: 6, diskBytes: 7, diskTotalBytes: 8 },
    ...{ netInBytes: 9, netOutBytes: 10 },
  };
  context.sampler = new Sampler({
    driver: {
      async measure(key) {
        context.measured += 1;
        const found = context.usage.get(key);
        if (typeof found !== 'object') throw new Error(found ?? 'not there');
        return found;
      },
    },
    cloudletKey: testCloudletKey,
    running: () => context.running,
    host: async () => ({ ...host, cpuNanos: clock.now() * 1e6 }),
    wanted: () => context.wanted,
    send: (metric) => context.sent.push(metric),
    intervalMs: 1000,
    clock,
    logger: silentLogger,
  });
});

tests.after.each(({ sampler }) => sampler.stop());

/** One interval; resolves when its round has ended. What was sent in it. */
async function round(context: Context): Promise<Metric[]> {
  const from = context.sent.length;
  context.clock.advance(1000);
  while (context.clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
  return context.sent.slice(from);
}

tests('counters become rates, and figures of instances a sum', async (context) => {
  context.running = [KEY, OTHER];
  context.usage.set(KEY, { cpuNanos: 5e9, memoryBytes: 100, netInBytes: 1 });
  context.usage.set(OTHER, { memoryBytes: 30, diskBytes: 4 });
  const first = (await round(context)).map(readAppInstMetric).find((m) => m?.key?.appKey?.name === 'web');
  assert.ok(first?.notMeasured.includes('cpu_percent'), 'one figure makes no rate');
  assert.equal([first?.memBytes, first?.netInBytes], [100n, 1n]);

  context.usage.set(KEY, { cpuNanos: 5.75e9, memoryBytes: 100 });
  const sent = await round(context);
  const second = sent.map(readAppInstMetric).find((m) => m?.key?.appKey?.name === 'web');
  assert.is(second?.cpuPercent, 75);
  assert.is(second?.timestamp?.seconds, 1002n);
  const cloudlet = sent.map(readCloudletMetric).find((m) => m !== undefined);
  assert.equal(cloudlet?.key, testCloudletKey);
  assert.equal([cloudlet?.instCount, cloudlet?.instMemBytes, cloudlet?.instDiskBytes], [2n, 130n, 4n]);
  assert.equal([cloudlet?.instCpuPercent, cloudlet?.cpuPercent, cloudlet?.cpuCores], [75, 100, 4n]);
});

tests('a counter that begins anew makes no rate', async (context) => {
  context.running = [KEY];
  for (const [cpuNanos, percent] of [
    [9e9, undefined],
    [1e9, undefined],
    [1.5e9, 50],
  ] as const) {
    context.usage.set(KEY, { cpuNanos });
    const [sample] = (await round(context)).map(readAppInstMetric);
    assert.is(sample?.cpuPercent, percent ?? 0);
    assert.is(sample?.notMeasured.includes('cpu_percent'), percent === undefined);
  }
});

tests(
  'nothing is measured when nobody wants it, and no engine is asked when nothing runs',
  async (context) => {
    assert.is((await round(context)).length, 1, 'the host alone');
    assert.is(context.measured, 0);
    context.running = [KEY];
    context.wanted = false;
    assert.equal(await round(context), []);
    assert.is(context.measured, 0);
  },
);

tests('an instance that cannot be measured does not hold up the rest', async (context) => {
  context.running = [OTHER, KEY];
  context.usage.set(OTHER, 'broken');
  context.usage.set(KEY, { cpuNanos: 1 });
  const sent = await round(context);
  assert.is(sent.length, 2);
  assert.is(sent.map(readCloudletMetric).find((m) => m !== undefined)?.instCount, 1n);
});

tests.run();
