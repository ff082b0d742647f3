import { type Clock, type Logger, messageOf } from '@edgeplane/base';
import type { Metric } from '@edgeplane/proto/edgeproto/metric.js';
import type { CallStats } from './call-stats.js';
import { callMetrics, demandMetrics, type Measurer } from './metric-notices.js';

/** Demand changes slowly, and has many cells: it is told this often, milliseconds. */
const DEMAND_MS = 60_000;

export interface StatsSenderOptions {
  readonly stats: CallStats;
  readonly measurer: Measurer;
  /** How often calls are told, milliseconds; 0: nothing is. */
  readonly intervalMs: number;
  /** Hands over one sample; whether somebody took it. */
  readonly send: (metric: Metric) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Sends the statistics upward as long as it is not stopped; what nobody takes is told again by the next sample. */
export function startStatsSender(options: StatsSenderOptions): { stop(): Promise<void> } {
  const { stats, measurer, intervalMs, send, clock, logger } = options;
  let cancel = () => {};
  let demandAt = clock.monotonic() + DEMAND_MS;

  const tell = () => {
    const now = clock.now();
    const due = clock.monotonic() >= demandAt;
    if (due) demandAt = clock.monotonic() + DEMAND_MS;
    try {
      for (const metric of callMetrics(stats, measurer, now)) if (!send(metric)) return;
      if (due) for (const metric of demandMetrics(stats, measurer, now)) if (!send(metric)) return;
    } catch (error) {
      logger.warn({ reason: messageOf(error) }, 'Statistics not sent');
    }
  };
  const next = () => {
    cancel = clock.after(intervalMs, () => {
      tell();
      next();
    });
  };
  if (intervalMs > 0) next();
  return {
    async stop() {
      cancel();
    },
  };
}
