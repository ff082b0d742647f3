export type MetricKind = 'counter' | 'gauge' | 'histogram';

/** What a metric is. Names follow Prometheus: `edgeplane_<subject>_<unit>`, and `_total` at the end of counters. */
export interface MetricDefinition<K extends MetricKind = MetricKind, L extends string = string> {
  readonly kind: K;
  readonly name: string;
  /** For people: the text of `# HELP`, and of the table in docs/metrics.md. */
  readonly help: string;
  readonly labels?: readonly L[];
  /** Upper bounds; of histograms only. */
  readonly buckets?: readonly number[];
}

export type MetricDefinitions = Readonly<Record<string, MetricDefinition>>;

/** A value, and the values of its labels. */
export type Sample = readonly [value: number, labels?: Readonly<Record<string, string>>];

/** Counts of a histogram that somebody keeps: of each bucket alone, and at the end of what is beyond the last bound. */
export interface HistogramSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly counts: ArrayLike<number>;
  /** Sum of all that was observed. */
  readonly sum: number;
}

/** For each definition that is read at the moment it is asked for, how. */
export type ReadMetrics<D extends MetricDefinitions> = {
  readonly [N in keyof D as D[N]['kind'] extends 'histogram' ? never : N]: () => number | Iterable<Sample>;
};

/**
 * Definitions as data, so that documents can be made of them.
 * @throws Error for a name that is not as Prometheus has them: a programming mistake
 */
export function defineMetrics<const D extends MetricDefinitions>(definitions: D): D {
  for (const { kind, name } of Object.values<MetricDefinition>(definitions))
    if (!/^edgeplane(_[a-z0-9]+)+$/.test(name) || name.endsWith('_total') !== (kind === 'counter'))
      throw new Error(`${name} is no name for a ${kind}`);
  return definitions;
}
