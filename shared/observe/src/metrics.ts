import {
  AggregatorRegistry,
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type PrometheusContentType,
  Registry,
} from 'prom-client';
import type {
  HistogramSample,
  MetricDefinition,
  MetricDefinitions,
  ReadMetrics,
  Sample,
} from './definition.js';

type LabelOf<D extends MetricDefinition> = D extends { readonly labels: readonly (infer L extends string)[] }
  ? L
  : never;

/** What one process says, as plain data. */
export type MetricPart = object[];

/** A counter of the caller's own: `inc(labels?, by?)`. */
export type CounterOf<D extends MetricDefinition> = Counter<LabelOf<D>>;
/** A histogram of the caller's own: `observe(labels?, value)`. */
export type HistogramOf<D extends MetricDefinition> = Histogram<LabelOf<D>>;

/**
 * What one process says of itself, made where the process is put together and handed to its parts. What parts count
 * anyway is read when somebody asks ({@link read}); nothing is done in between.
 */
export class Metrics {
  readonly #registry = new Registry();
  #others: (() => Promise<readonly MetricPart[]>) | undefined;

  /** Memory, processor time, event loop and garbage of the Node process, from now on. Costs a timer. */
  watchProcess(): void {
    collectDefaultMetrics({ register: this.#registry });
  }

  /**
   * Counters and gauges that are read at each scrape. A number is a sample without labels; of several samples each has all
   * labels. What is not given any more is not shown any more. A reader that throws makes the scrape fail.
   */
  read<D extends MetricDefinitions>(definitions: D, readers: ReadMetrics<D>): void {
    const byName = readers as Readonly<Record<string, () => number | Iterable<Sample>>>;
    for (const [key, definition] of Object.entries<MetricDefinition>(definitions)) {
      const reader = byName[key];
      if (reader) this.#readOne(definition, reader);
    }
  }

  counter<const D extends MetricDefinition<'counter'>>(definition: D): CounterOf<D> {
    return new Counter(this.#options(definition)) as unknown as CounterOf<D>;
  }

  histogram<const D extends MetricDefinition<'histogram'>>(definition: D): HistogramOf<D> {
    const { buckets } = definition;
    const options = { ...this.#options(definition), ...(buckets && { buckets: [...buckets] }) };
    return new Histogram(options) as unknown as HistogramOf<D>;
  }

  /** A histogram whose counts somebody keeps: read at each scrape, like {@link read}. */
  readHistogram(definition: MetricDefinition<'histogram'>, reader: () => Iterable<HistogramSample>): void {
    const { name, buckets = [] } = definition;
    const histogram = new Histogram({ ...this.#options(definition), buckets: [...buckets] });
    const read = async () => ({
      ...{ name, help: definition.help, type: 'histogram', aggregator: 'sum' as const },
      values: [...reader()].flatMap((sample) => linesOf(name, buckets, sample)),
    });
    // The library asks for the text of a histogram by a name that its types leave out.
    Object.assign(histogram, { get: read, getForPromString: read });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Everything, in the text format of Prometheus. */
  async text(): Promise<string> {
    if (!this.#others) return this.#registry.metrics();
    const parts = [await this.part(), ...(await this.#others())];
    return AggregatorRegistry.aggregate<PrometheusContentType>([...parts]).metrics();
  }

  /** Everything, for the text of another process, whose values are added to these. */
  part(): Promise<MetricPart> {
    return this.#registry.getMetricsAsJSON();
  }

  /** Other processes that make one program with this one; asked whenever the text is. */
  include(others: () => Promise<readonly MetricPart[]>): void {
    this.#others = others;
  }

  #options({ name, help, labels = [] }: MetricDefinition) {
    return { name, help, labelNames: [...labels], registers: [this.#registry] };
  }

  #readOne(definition: MetricDefinition, reader: () => number | Iterable<Sample>): void {
    const options = this.#options(definition);
    const samples = () => {
      const found = reader();
      return typeof found === 'number' ? ([[found]] as const) : found;
    };
    if (definition.kind === 'counter')
      new Counter({
        ...options,
        collect() {
          this.reset();
          for (const [value, labels = {}] of samples()) this.inc(labels, value);
        },
      });
    else
      new Gauge({
        ...options,
        collect() {
          this.reset();
          for (const [value, labels = {}] of samples()) this.set(labels, value);
        },
      });
  }
}

/** A histogram's lines: what is at or below each bound, then the sum and the number. */
function linesOf(name: string, buckets: readonly number[], { labels, counts, sum }: HistogramSample) {
  let total = 0;
  const lines = Array.from(counts, (count, place) => {
    total += count;
    return {
      metricName: `${name}_bucket`,
      labels: { ...labels, le: buckets[place] ?? '+Inf' },
      value: total,
    };
  });
  return [
    ...lines,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: total },
  ];
}
