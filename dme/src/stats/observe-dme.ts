import { defineMetrics, type Metrics, type Sample } from '@edgeplane/observe';
import type { Gate } from '../protect/gate.js';
import { type AppCounts, type CallStats, LATENCY_MS, METHODS } from './call-stats.js';
import { busiestCells } from './metric-notices.js';

export const DME_METRICS = defineMetrics({
  appRequests: {
    kind: 'counter',
    name: 'edgeplane_dme_app_requests_total',
    help: 'Calls of clients of an App, of the 200 Apps with the most; `_other` is all others.',
    labels: ['dev', 'app', 'ver'],
  },
  errors: {
    kind: 'counter',
    name: 'edgeplane_dme_errors_total',
    help: 'Calls that were let in and ended with an error.',
    labels: ['method'],
  },
  demand: {
    kind: 'counter',
    name: 'edgeplane_dme_demand_total',
    help: 'Times that an instance of an App was looked for from a cell of about 100 km, named after its middle; the 20 busiest cells of each of the 50 Apps with the most calls.',
    labels: ['dev', 'app', 'ver', 'lat', 'lon'],
  },
  refused: {
    kind: 'counter',
    name: 'edgeplane_dme_refused_total',
    help: 'Calls that were turned away: `peer` and `all` are the rates, `bad` bad cookies and tokens, `lag` overload.',
    labels: ['reason'],
  },
  held: {
    kind: 'gauge',
    name: 'edgeplane_dme_held_refusals',
    help: 'Refusals that their callers wait for.',
  },
  lag: {
    kind: 'gauge',
    name: 'edgeplane_dme_lag_seconds',
    help: 'How long calls wait for their turn.',
  },
});

export const DME_HISTOGRAMS = defineMetrics({
  requests: {
    kind: 'histogram',
    name: 'edgeplane_dme_request_seconds',
    help: 'Time within the process of calls that were let in.',
    labels: ['method'],
    buckets: LATENCY_MS.map((ms) => ms / 1000),
  },
});

const APPS_SHOWN = 200;
const APPS_WITH_CELLS = 50;
const CELLS_SHOWN = 20;

/** Says of a match engine what is asked of it. */
export function observeDme(metrics: Metrics, stats: CallStats, gate: Gate): void {
  metrics.read(DME_METRICS, {
    appRequests: () => appSamples(stats),
    errors: () => METHODS.map((method) => [sumOf(stats, method).errs, { method }] as const),
    demand: () => demandSamples(stats),
    refused: () => Object.entries(gate.counts).map(([reason, count]) => [count, { reason }] as const),
    held: () => gate.held,
    lag: () => gate.lagMs / 1000,
  });
  metrics.readHistogram(DME_HISTOGRAMS.requests, () =>
    METHODS.map((method) => {
      const { latencies, totalMs } = sumOf(stats, method);
      return { labels: { method }, counts: latencies, sum: totalMs / 1000 };
    }),
  );
}

function sumOf({ apps }: CallStats, method: (typeof METHODS)[number]) {
  const latencies = LATENCY_MS.map(() => 0).concat(0);
  let [errs, totalMs] = [0, 0];
  for (const { methods } of apps) {
    const counts = methods.get(method);
    if (!counts) continue;
    errs += counts.errs;
    totalMs += counts.totalMs;
    for (const [place, count] of counts.latencies.entries())
      latencies[place] = (latencies[place] ?? 0) + count;
  }
  return { errs, totalMs, latencies };
}

function reqsOf({ methods }: AppCounts): number {
  return [...methods.values()].reduce((sum, { reqs }) => sum + reqs, 0);
}

function byRequests({ apps }: CallStats): readonly (readonly [AppCounts, number])[] {
  return apps.map((app) => [app, reqsOf(app)] as const).sort(([, a], [, b]) => b - a);
}

function appSamples(stats: CallStats): readonly Sample[] {
  const all = byRequests(stats);
  const rest = all.slice(APPS_SHOWN).reduce((sum, [, reqs]) => sum + reqs, 0);
  const shown = all.slice(0, APPS_SHOWN).map(([app, reqs]): Sample => [reqs, labelsOf(app)]);
  return rest === 0 ? shown : [...shown, [rest, { dev: '', app: '_other', ver: '_other' }]];
}

function demandSamples(stats: CallStats): readonly Sample[] {
  return byRequests(stats)
    .slice(0, APPS_WITH_CELLS)
    .flatMap(([app]) =>
      busiestCells(app, CELLS_SHOWN).map(
        ({ latitude, longitude, times }): Sample => [
          times,
          { ...labelsOf(app), lat: String(latitude), lon: String(longitude) },
        ],
      ),
    );
}

function labelsOf({ key }: AppCounts): Readonly<Record<'dev' | 'app' | 'ver', string>> {
  return { dev: key.developerKey?.name ?? '', app: key.name, ver: key.version };
}
