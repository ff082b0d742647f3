import type { CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { Metric, MetricTag, MetricVal } from '@edgeplane/proto/edgeproto/metric.js';
import { type AppCounts, type CallStats, LATENCY_MS, type MethodCounts } from './call-stats.js';
import { middleOf } from './cells.js';

/** Who measures. */
export interface Measurer {
  readonly cloudletKey: CloudletKey;
  /** Tells match engines of one cloudlet apart. */
  readonly id: string;
}

/** Bounds of the latencies on the wire, milliseconds; they are among {@link LATENCY_MS}. */
const WIRE_MS: readonly number[] = [5, 10, 25, 50, 100];
/** Cells of one App that are told, those with the most demand. */
const MAX_CELLS_TOLD = 100;

/** One sample per App and method that was called, all of one time (match engine spec section 6). */
export function callMetrics(stats: CallStats, measurer: Measurer, nowMs: number): Metric[] {
  return stats.apps.flatMap((app) =>
    [...app.methods].map(([method, counts]) => ({
      name: 'dme-api',
      timestamp: timestampOf(nowMs),
      tags: [...tagsOf(app, measurer), { name: 'method', val: method }],
      vals: valuesOf(counts),
    })),
  );
}

/**
 * Where instances of each App are looked for: one sample per cell of about 100 km, named after its middle. What
 * auto-provisioning may go by.
 */
export function demandMetrics(stats: CallStats, measurer: Measurer, nowMs: number): Metric[] {
  return stats.apps.flatMap((app) =>
    busiestCells(app, MAX_CELLS_TOLD).map(({ latitude, longitude, times }) => ({
      name: 'dme-demand',
      timestamp: timestampOf(nowMs),
      tags: [
        ...tagsOf(app, measurer),
        { name: 'lat', val: String(latitude) },
        { name: 'lon', val: String(longitude) },
      ],
      vals: [integer('reqs', times)],
    })),
  );
}

/** Cells of an App with the most demand, most first. */
export function busiestCells(
  { cells }: AppCounts,
  limit: number,
): readonly { readonly latitude: number; readonly longitude: number; readonly times: number }[] {
  return [...cells]
    .sort(([a, { times: x }], [b, { times: y }]) => y - x || a - b)
    .slice(0, limit)
    .map(([cell, { times }]) => ({ ...middleOf(cell), times }));
}

function tagsOf({ key }: AppCounts, { cloudletKey, id }: Measurer): MetricTag[] {
  return [
    { name: 'dev', val: key.developerKey?.name ?? '' },
    { name: 'app', val: key.name },
    { name: 'ver', val: key.version },
    { name: 'oper', val: cloudletKey.operatorKey?.name ?? '' },
    { name: 'cloudlet', val: cloudletKey.name },
    { name: 'id', val: id },
  ];
}

function valuesOf({ reqs, errs, latencies }: MethodCounts): MetricVal[] {
  const wire = Array.from({ length: WIRE_MS.length + 1 }, () => 0);
  for (const [place, count] of latencies.entries()) {
    const bound = LATENCY_MS[place] ?? Number.POSITIVE_INFINITY;
    const at = WIRE_MS.findIndex((ms) => bound <= ms);
    const target = at < 0 ? WIRE_MS.length : at;
    wire[target] = (wire[target] ?? 0) + count;
  }
  const names = [...WIRE_MS.map((ms) => `${ms}ms`), 'inf'];
  return [
    integer('reqs', reqs),
    integer('errs', errs),
    ...names.map((name, place) => integer(name, wire[place] ?? 0)),
  ];
}

function integer(name: string, value: number): MetricVal {
  return { name, value: { $case: 'ival', value: BigInt(value) } };
}

/** When something was measured. */
export function timestampOf(ms: number) {
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: Math.floor(ms % 1000) * 1_000_000 };
}
