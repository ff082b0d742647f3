/** Statistics of calls (match engine spec section 6), and where demand comes from. */
import { ManualClock, silentLogger } from '@edgeplane/base';
import { FindCloudletRequest } from '@edgeplane/proto/dme/app-client.js';
import type { Metric } from '@edgeplane/proto/edgeproto/metric.js';
import { callUnary } from '@edgeplane/rpc';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { APPS } from '../fixtures.js';
import { distanceKm } from '../geo.js';
import { EMPTY_LOC } from '../place.js';
import { TestWorld, until } from '../testing.js';
import { CallStats, OTHER_APPS } from './call-stats.js';
import { cellOf, middleOf } from './cells.js';
import { callMetrics, demandMetrics } from './metric-notices.js';
import { startStatsSender } from './stats-sender.js';

const MEASURER = { cloudletKey: { operatorKey: { name: 'op' }, name: 'home' }, id: 'dme-1' };

function tags({ tags: list }: Metric): Record<string, string> {
  return Object.fromEntries(list.map(({ name, val }) => [name, val]));
}

function values({ vals }: Metric): Record<string, number> {
  return Object.fromEntries(vals.map(({ name, value }) => [name, Number(value && Object.values(value)[1])]));
}

test('latencies: each call in the first bucket whose bound is above it, and in inf beyond all', () => {
  const stats = new CallStats(() => true);
  const counts = stats.of('dev', 'app', '1');
  for (const ms of [0, 4.99, 5, 9.99, 10, 30, 99.9, 100, 5000]) counts.add('FindCloudlet', ms, ms > 1000);
  const [metric] = callMetrics(stats, MEASURER, 1_234_567);
  assert.is(metric?.name, 'dme-api');
  assert.equal(metric?.timestamp, { seconds: 1234n, nanos: 567_000_000 });
  assert.equal(
    metric?.tags.map(({ name, val }) => `${name}=${val}`),
    ['dev=dev', 'app=app', 'ver=1', 'oper=op', 'cloudlet=home', 'id=dme-1', 'method=FindCloudlet'],
  );
  assert.equal(Object.entries(metric ? values(metric) : {}), [
    ['reqs', 9],
    ['errs', 1],
    ['5ms', 2],
    ['10ms', 2],
    ['25ms', 1],
    ['50ms', 1],
    ['100ms', 1],
    ['inf', 2],
  ]);
});

test('whatever is asked for, memory is bounded, and nothing is lost', () => {
  const stats = new CallStats(({ name }) => name === 'real');
  for (let i = 0; i < 5000; i++) stats.of('x', `made up ${i}`, '1').add('RegisterClient', 1, true);
  stats.of('x', 'y'.repeat(201), '1').add('RegisterClient', 1, true);
  for (let i = 0; i < 100; i++) stats.of('d', 'real', `${i}`).add('RegisterClient', 1, false);
  assert.is(stats.apps.length, 100 + 1 + 100);
  const reqs = callMetrics(stats, MEASURER, 0).map((metric) => values(metric)['reqs'] ?? 0);
  assert.is(
    reqs.reduce((a, b) => a + b),
    5101,
  );
  assert.ok(stats.apps.some(({ key }) => key.name === OTHER_APPS));
  const busy = stats.of('d', 'real', '1');
  for (let i = 0; i < 30_000; i++)
    busy.lookedFrom({ latitude: (i % 180) - 89.5, longitude: Math.floor(i / 180) * 2 - 170 });
  assert.ok(busy.cells.size <= 2000);
  const times = [...busy.cells.values()].reduce((sum, cell) => sum + cell.times, 0);
  assert.is(times + busy.elsewhere, 30_000);
});

test('a cell is about 100 km wide, and its middle is in it', () => {
  const place = fc.record({
    latitude: fc.double({ min: -90, max: 90, noNaN: true }),
    longitude: fc.double({ min: -180, max: 180, noNaN: true }),
  });
  fc.assert(
    fc.property(place, (from) => {
      const middle = middleOf(cellOf(from));
      assert.is(cellOf(middle), cellOf(from));
      // From the middle to a corner; the caps are divided into few.
      const km = distanceKm(from, middle);
      assert.ok(km < 111.3, `${km} km`);
    }),
    { numRuns: 2000 },
  );
  const cells = new Set<number>();
  for (let latitude = -89.5; latitude < 90; latitude++)
    for (let longitude = -179.5; longitude < 180; longitude += 0.5)
      cells.add(cellOf({ latitude, longitude }));
  assert.ok(cells.size > 41_000 && cells.size < 41_500, `${cells.size}`);
});

test('demand: one sample per cell, the busiest first, every minute', async () => {
  const clock = new ManualClock(0);
  const stats = new CallStats(() => true);
  const app = stats.of('dev', 'app', '1');
  app.add('FindCloudlet', 1, false);
  for (let i = 0; i < 3; i++) app.lookedFrom({ latitude: 52.5, longitude: 13.4 });
  app.lookedFrom({ latitude: -33.9, longitude: 151.2 });
  const [berlin, sydney] = demandMetrics(stats, MEASURER, 0);
  assert.equal([berlin && values(berlin), sydney && values(sydney)], [{ reqs: 3 }, { reqs: 1 }]);
  const at = berlin ? tags(berlin) : {};
  assert.ok(
    distanceKm(
      { latitude: Number(at['lat']), longitude: Number(at['lon']) },
      { latitude: 52.5, longitude: 13.4 },
    ) < 80,
  );
  const sent: string[] = [];
  let taken = true;
  const sender = startStatsSender({
    ...{ stats, clock, logger: silentLogger, measurer: MEASURER, intervalMs: 1000 },
    send: ({ name }) => {
      sent.push(name);
      return taken;
    },
  });
  clock.advance(59_000);
  assert.equal([sent.length, new Set(sent)], [59, new Set(['dme-api'])]);
  clock.advance(1000);
  assert.equal(sent.slice(59), ['dme-api', 'dme-demand', 'dme-demand']);
  taken = false;
  clock.advance(1000);
  await sender.stop();
  assert.is(sent.length, 63);
  assert.is(clock.pending, 0);
});

test('a controller gets them, Prometheus too, and none of 100 callers at once is lost', async () => {
  const world = new TestWorld();
  try {
    const dme = await world.start(['--statsInterval', '0.05', '--metricsAddr', '127.0.0.1:0']);
    const sessionCookie = await dme.cookie(APPS.ever);
    const request = { ...FindCloudletRequest.decode(new Uint8Array()), sessionCookie };
    const good = {
      ...request,
      carrierName: 'GDDT',
      gpsLocation: { ...EMPTY_LOC, latitude: 50, longitude: 7 },
    };
    const find = (what: typeof request) => callUnary(dme.client, 'findCloudlet', what).catch(() => undefined);
    await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        for (let n = 0; n < 10; n++) await find(n === 0 && i < 20 ? request : good);
      }),
    );
    await find({ ...good, sessionCookie: 'x.y.z' });
    await dme.register(APPS.ever, { appName: 'nothing' }).catch(() => undefined);
    const latest = (method: string) => {
      const all = world.metrics.filter((metric) => tags(metric)['method'] === method);
      return all
        .map((metric) => ({ ...values(metric), app: tags(metric)['app'] }) as Record<string, unknown>)
        .at(-1);
    };
    await until('all are told', () => latest('FindCloudlet')?.['reqs'] === 1000);
    const told = latest('FindCloudlet') ?? {};
    assert.equal([told['errs'], told['app']], [20, 'Ever']);
    const buckets = ['5ms', '10ms', '25ms', '50ms', '100ms', 'inf'].map((name) => Number(told[name]));
    assert.is(
      buckets.reduce((a, b) => a + b),
      1000,
    );
    await until('the unknown App, too', () =>
      world.metrics.some((metric) => tags(metric)['app'] === 'nothing' && values(metric)['errs'] === 1),
    );
    const text = await (await fetch(`http://${dme.dme.addresses['metrics']}/metrics`)).text();
    assert.match(text, 'edgeplane_dme_request_seconds_count{method="FindCloudlet"} 1000\n');
    assert.match(text, 'edgeplane_dme_errors_total{method="FindCloudlet"} 20\n');
    assert.match(text, 'edgeplane_dme_app_requests_total{dev="Ever.AI",app="Ever",ver="1.7"} 1001\n');
    assert.match(
      text,
      /edgeplane_dme_demand_total\{dev="Ever.AI",app="Ever",ver="1.7",lat="50.5",lon="\S+"\} 980\n/,
    );
    assert.match(text, 'edgeplane_dme_refused_total{reason="peer"} 0\n');
  } finally {
    await world.stop();
  }
});

test.run();
