import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OBJECTS } from './object-type.js';
import { appInstMetric, cloudletMetric, readAppInstMetric, readCloudletMetric } from './usage-metrics.js';

const CLOUDLET = { operatorKey: { name: 'op' }, name: 'a "site"' };
const KEY = {
  appKey: { developerKey: { name: 'dev' }, name: 'web', version: '1.0' },
  clusterInstKey: { clusterKey: { name: 'c1' }, cloudletKey: CLOUDLET, developer: 'dev' },
};

test('a sample of an instance travels and comes back', () => {
  fc.assert(
    fc.property(
      fc.double({ noNaN: true, min: 0 }),
      fc.bigInt(0n, 2n ** 64n - 1n),
      (cpuPercent, netInBytes) => {
        const sample = appInstMetric(KEY, 1_500_000_000_250, { cpuPercent, netInBytes, memBytes: 7n });
        const read = readAppInstMetric(sample);
        assert.equal(read?.key, KEY);
        assert.equal(read?.timestamp, { seconds: 1_500_000_000n, nanos: 250_000_000 });
        assert.equal([read?.cpuPercent, read?.netInBytes, read?.memBytes], [cpuPercent, netInBytes, 7n]);
        assert.ok(read?.notMeasured.includes('disk_bytes') && !read.notMeasured.includes('net_in_bytes'));
        const { AppInstMetrics } = OBJECTS;
        assert.equal(read && AppInstMetrics.fromWire(AppInstMetrics.toWire(read)), read);
      },
    ),
  );
});

test('a sample of a Cloudlet has the tags of every other sample of it', () => {
  const sample = cloudletMetric(CLOUDLET, 0, { cpuCores: 2n });
  assert.equal(sample.tags, [
    { name: 'oper', val: 'op' },
    { name: 'cloudlet', val: 'a "site"' },
  ]);
  assert.is(sample.name, 'cloudlet-usage');
  assert.is(readCloudletMetric(sample)?.cpuCores, 2n);
  assert.is(readAppInstMetric(sample), undefined);
});

test('values of another kind or name do no harm', () => {
  const sample = appInstMetric(KEY, 0, {});
  const vals = [
    { name: 'mem_bytes', value: { $case: 'dval' as const, value: 1.5 } },
    { name: 'something', value: { $case: 'ival' as const, value: 9n } },
    { name: '__proto__', value: undefined },
  ];
  const read = readAppInstMetric({ ...sample, tags: [], vals });
  assert.is(read?.memBytes, 0n);
  assert.is(read?.something, 0n);
  assert.ok(read?.notMeasured.includes('mem_bytes'));
});

test.run();
