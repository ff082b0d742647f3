import type { Metric, MetricVal } from '@edgeplane/proto/edgeproto/metric.js';
import { timestampOf } from '../stats/metric-notices.js';

interface Summed {
  readonly metric: Metric;
  /** What those who are gone had counted. */
  gone: readonly bigint[];
  readonly byWorker: Map<string, readonly bigint[]>;
  /** Somebody has said something since it was last given. */
  isNew: boolean;
}

/**
 * Adds up what workers count, so that they look like one match engine: each tells its own totals, and what one has counted
 * stays when it is gone. Only for samples that are nothing but counters.
 */
export class MetricSum {
  /** By name and tags. */
  readonly #all = new Map<string, Summed>();

  take(worker: string, metric: Metric): void {
    const id = JSON.stringify([metric.name, metric.tags]);
    let summed = this.#all.get(id);
    if (!summed) {
      summed = { metric, gone: [], byWorker: new Map(), isNew: true };
      this.#all.set(id, summed);
    }
    summed.byWorker.set(worker, metric.vals.map(countOf));
    summed.isNew = true;
  }

  /** A worker is gone: another one counts from zero. */
  ended(worker: string): void {
    for (const summed of this.#all.values()) {
      const last = summed.byWorker.get(worker);
      if (!last) continue;
      summed.byWorker.delete(worker);
      summed.gone = added(summed.gone, last);
    }
  }

  /** The sums of which something is new, all of one time. */
  *sums(nowMs: number): IterableIterator<Metric> {
    for (const summed of this.#all.values()) {
      if (!summed.isNew) continue;
      summed.isNew = false;
      const totals = [...summed.byWorker.values()].reduce(added, summed.gone);
      const vals = summed.metric.vals.map(
        ({ name }, place): MetricVal => ({ name, value: { $case: 'ival', value: totals[place] ?? 0n } }),
      );
      yield { ...summed.metric, timestamp: timestampOf(nowMs), vals };
    }
  }
}

function countOf({ value }: MetricVal): bigint {
  return value?.$case === 'ival' ? value.value : 0n;
}

function added(a: readonly bigint[], b: readonly bigint[]): readonly bigint[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i) => (a[i] ?? 0n) + (b[i] ?? 0n));
}
