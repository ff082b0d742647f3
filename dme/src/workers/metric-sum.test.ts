import type { Metric } from '@edgeplane/proto/edgeproto/metric.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MetricSum } from './metric-sum.js';

function sample(method: string, ...counts: number[]): Metric {
  return {
    name: 'dme-api',
    timestamp: { seconds: 1n, nanos: 0 },
    tags: [{ name: 'method', val: method }],
    vals: counts.map((count, i) => ({ name: `v${i}`, value: { $case: 'ival', value: BigInt(count) } })),
  };
}

const sums = (sum: MetricSum, now = 5500) =>
  [...sum.sums(now)].map(({ tags, vals, timestamp }) => [
    tags[0]?.val,
    ...vals.map(({ value }) => Number(value?.value)),
    `${timestamp?.seconds}.${timestamp?.nanos}`,
  ]);

test('what workers count is added up, and none of it goes with a worker', () => {
  const sum = new MetricSum();
  sum.take('a', sample('Find', 3, 1));
  sum.take('b', sample('Find', 4, 0));
  sum.take('b', sample('Register', 1, 1));
  assert.equal(sums(sum), [
    ['Find', 7, 1, '5.500000000'],
    ['Register', 1, 1, '5.500000000'],
  ]);
  assert.equal(sums(sum), [], 'nothing is new');
  sum.take('a', sample('Find', 5, 2));
  sum.ended('a');
  sum.take('c', sample('Find', 1, 0));
  assert.equal(sums(sum), [['Find', 10, 2, '5.500000000']]);
  sum.take('c', sample('Find', 2, 0));
  assert.equal(sums(sum), [['Find', 11, 2, '5.500000000']]);
});

test.run();
