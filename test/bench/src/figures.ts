import type { Sizes } from './sizes.js';

/** One measured figure. `ratio` is value to baseline, both from the same run; targets are on the ratio. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The raw thing, in the same unit. */
  readonly baseline: number;
  readonly ratio: number;
  /** Largest (or, for rates, smallest) ratio that is wanted; null when nothing was promised. */
  readonly target: number | null;
  /** Largest (or, for rates, smallest) value that is wanted, in `unit`; null when nothing was promised. */
  readonly limit: number | null;
  readonly ok: boolean;
}

export type Group = 'controller' | 'notify' | 'dme' | 'runtime' | 'southbound';
export const GROUPS: readonly Group[] = ['controller', 'notify', 'dme', 'runtime', 'southbound'];

export interface Bench {
  readonly group: Group;
  readonly name: string;
  run(sizes: Sizes): Promise<readonly Figure[]>;
}

/** A duration beside its baseline; target and limit are upper bounds. */
export function durationFigure(
  name: string,
  ms: number,
  baselineMs: number,
  target: number | null,
  limit: number | null = null,
): Figure {
  return upperFigure(name, 'ms', ms, baselineMs, target, limit);
}

/** Resident memory beside its baseline; target and limit are upper bounds. */
export function memoryFigure(
  name: string,
  megabytes: number,
  baseline: number,
  target: number | null,
  limit: number | null = null,
): Figure {
  return upperFigure(name, 'MB', megabytes, baseline, target, limit);
}

/** Anything else of which less is better; target and limit are upper bounds. */
export function upperFigure(
  name: string,
  unit: string,
  value: number,
  baseline: number,
  target: number | null,
  limit: number | null = null,
): Figure {
  const ratio = value / baseline;
  const ok = (target === null || ratio <= target) && (limit === null || value <= limit);
  return { name, value, unit, baseline, ratio, target, limit, ok };
}

/** A rate beside its baseline; target and limit are lower bounds. */
export function rateFigure(
  name: string,
  perSecond: number,
  baseline: number,
  target: number | null,
  limit: number | null = null,
): Figure {
  const ratio = perSecond / baseline;
  const ok = (target === null || ratio >= target) && (limit === null || perSecond >= limit);
  return { name, value: perSecond, unit: '1/s', baseline, ratio, target, limit, ok };
}

/** The value that a share of all values does not exceed; `share` 0.99 is the 99th percentile. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? Number.NaN) + high) / 2;
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** Figures as a table. */
export function table(figures: readonly Figure[]): string {
  const rows = figures.map((f) => [
    f.name,
    `${short(f.value)} ${f.unit}`,
    `${short(f.baseline)} ${f.unit}`,
    `${short(f.ratio)}x`,
    f.target === null ? '' : `${short(f.target)}x`,
    f.limit === null ? '' : `${short(f.limit)} ${f.unit}`,
    f.target === null && f.limit === null ? '' : f.ok ? 'ok' : 'MISSED',
  ]);
  const all = [['figure', 'value', 'baseline', 'ratio', 'target', 'limit', ''], ...rows];
  const widths = all[0]?.map((_, i) => Math.max(...all.map((row) => (row[i] ?? '').length))) ?? [];
  return all
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
