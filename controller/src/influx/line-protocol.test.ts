import type { Metric } from '@edgeplane/proto/edgeproto/metric.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { lineOf } from './line-protocol.js';

const metric = (over: Partial<Metric> = {}): Metric => ({
  name: 'dme-api',
  timestamp: { seconds: 1_500_000_000n, nanos: 123_456_789 },
  tags: [],
  vals: [{ name: 'reqs', value: { $case: 'ival', value: 3n } }],
  ...over,
});
const tag = (name: string, val: string) => ({ name, val });

test('name, tags, fields and microseconds', () => {
  const vals = [
    { name: 'reqs', value: { $case: 'ival' as const, value: 3n } },
    { name: '5ms', value: { $case: 'dval' as const, value: 0.25 } },
  ];
  assert.is(
    lineOf(metric({ vals, tags: [tag('dev', 'Acme'), tag('ver', '1.0')] })),
    'dme-api,dev=Acme,ver=1.0 reqs=3i,5ms=0.25 1500000000123456',
  );
});

test('every character that means something is escaped', () => {
  const vals = [{ name: 'a,b=c d', value: { $case: 'ival' as const, value: 0n } }];
  assert.is(
    lineOf(
      metric({ name: '#my, metric=x', vals, tags: [tag('app name', 'x=y, "z"\\w\\'), tag('ü', 'ö\n1')] }),
    ),
    '_#my\\,\\ metric=x,app\\ name=x\\=y\\,\\ "z"\\w/,ü=ö\\ 1 a\\,b\\=c\\ d=0i 1500000000123456',
  );
});

test('what InfluxDB cannot hold is left out', () => {
  assert.is(lineOf(metric({ vals: [] })), undefined);
  assert.is(lineOf(metric({ name: '' })), undefined);
  const vals = [
    { name: 'nan', value: { $case: 'dval' as const, value: Number.NaN } },
    { name: 'none', value: undefined },
    { name: 'huge', value: { $case: 'ival' as const, value: 2n ** 64n - 1n } },
  ];
  const line = lineOf(metric({ vals, tags: [tag('id', ''), tag('', 'x')] }));
  assert.is(line, 'dme-api huge=9223372036854775807i 1500000000123456');
});

test.run();
