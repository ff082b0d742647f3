import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { defineMetrics } from './definition.js';
import { Metrics } from './metrics.js';

const DEFINED = defineMetrics({
  doors: { kind: 'gauge', name: 'edgeplane_doors', help: 'Doors.', labels: ['state'] },
  guests: { kind: 'counter', name: 'edgeplane_guests_total', help: 'Guests.' },
  stays: { kind: 'histogram', name: 'edgeplane_stay_seconds', help: 'Stays.', buckets: [1, 10] },
});

test('values are read when they are asked for, and go when they are gone', async () => {
  const metrics = new Metrics();
  let open = 2;
  let guests = 7;
  metrics.read(DEFINED, {
    doors: () => (open > 0 ? [[open, { state: 'open' }]] : []),
    guests: () => guests,
  });
  const first = await metrics.text();
  assert.match(first, '# TYPE edgeplane_doors gauge\nedgeplane_doors{state="open"} 2\n');
  assert.match(first, '# HELP edgeplane_guests_total Guests.\n');
  assert.match(first, 'edgeplane_guests_total 7\n');
  open = 0;
  guests = 8;
  const second = await metrics.text();
  assert.not.match(second, 'state="open"');
  assert.match(second, 'edgeplane_guests_total 8\n');
});

test('a part may keep an instrument of its own', async () => {
  const metrics = new Metrics();
  const stays = metrics.histogram(DEFINED.stays);
  const guests = metrics.counter(DEFINED.guests);
  stays.observe(5);
  guests.inc();
  const text = await metrics.text();
  assert.match(text, 'edgeplane_stay_seconds_bucket{le="1"} 0\n');
  assert.match(text, 'edgeplane_stay_seconds_bucket{le="10"} 1\n');
  assert.match(text, 'edgeplane_guests_total 1\n');
});

test('a histogram that a part keeps is read', async () => {
  const metrics = new Metrics();
  metrics.readHistogram(DEFINED.stays, () => [{ labels: { of: 'a' }, counts: [2, 1, 4], sum: 99 }]);
  const text = await metrics.text();
  assert.match(text, '# TYPE edgeplane_stay_seconds histogram\n');
  assert.match(text, 'edgeplane_stay_seconds_bucket{of="a",le="1"} 2\n');
  assert.match(text, 'edgeplane_stay_seconds_bucket{of="a",le="10"} 3\n');
  assert.match(text, 'edgeplane_stay_seconds_bucket{of="a",le="+Inf"} 7\n');
  assert.match(text, 'edgeplane_stay_seconds_sum{of="a"} 99\nedgeplane_stay_seconds_count{of="a"} 7\n');
});

test('two processes in one have nothing in common', async () => {
  const one = new Metrics();
  const other = new Metrics();
  one.counter(DEFINED.guests).inc();
  other.counter(DEFINED.guests);
  assert.match(await one.text(), 'edgeplane_guests_total 1\n');
  assert.match(await other.text(), 'edgeplane_guests_total 0\n');
});

test('a name that Prometheus would not have is a mistake', () => {
  assert.throws(() => defineMetrics({ guests: { kind: 'counter', name: 'edgeplane_guests', help: '' } }));
  assert.throws(() => defineMetrics({ doors: { kind: 'gauge', name: 'doors', help: '' } }));
});

test.run();
