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
  readonly ok: boolean;
}

export type Group = 'controller' | 'notify' | 'dme' | 'runtime' | 'southbound';
export const GROUPS: readonly Group[] = ['controller', 'notify', 'dme', 'runtime', 'southbound'];

export interface Bench {
  readonly group: Group;
  readonly name: string;
  run(): Promise<readonly Figure[]>;
}

/** A duration beside its baseline; the target is an upper bound of the ratio. */
export function durationFigure(name: string, ms: number, baselineMs: number, target: number | null): Figure {
  const ratio = ms / baselineMs;
  return {
    name,
    value: ms,
    unit: 'ms',
    baseline: baselineMs,
    ratio,
    target,
    ok: target === null || ratio <= target,
  };
}

/** A rate beside its baseline; the target is a lower bound of the ratio. */
export function rateFigure(name: string, perSecond: number, baseline: number, target: number | null): Figure {
  const ratio = perSecond / baseline;
  return {
    name,
    value: perSecond,
    unit: '1/s',
    baseline,
    ratio,
    target,
    ok: target === null || ratio >= target,
  };
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
    f.target === null ? '' : f.ok ? 'ok' : 'MISSED',
  ]);
  const all = [['figure', 'value', 'baseline', 'ratio', 'target', ''], ...rows];
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
