import { type Clock, type Logger, messageOf, sleep } from '@edgeplane/base';
import { appInstMetric, cloudletMetric, type Measured, OBJECTS } from '@edgeplane/objects';
import type { AppInstMetrics } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { Metric } from '@edgeplane/proto/edgeproto/metric.js';
import type { Driver, InstanceUsage } from '../drivers/driver.js';
import type { HostUsage } from './host-usage.js';
import { Rates } from './rates.js';

export interface SamplerOptions {
  readonly driver: Pick<Driver, 'measure'>;
  readonly cloudletKey: CloudletKey;
  /** Key JSON of the instances that run. */
  readonly running: () => readonly string[];
  readonly host: () => Promise<HostUsage>;
  /** Whether somebody would get a sample; nothing is measured otherwise. */
  readonly wanted: () => boolean;
  readonly send: (metric: Metric) => void;
  /** Between two rounds, milliseconds. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Instances measured at the same time: each costs calls to its engine, and they are to serve their users. */
const AT_ONCE = 4;

interface Sums {
  count: bigint;
  cpuPercent: number;
  memBytes: bigint;
  diskBytes: bigint;
}

/**
 * Measures, once per interval, every instance that runs and the host, and sends a sample of each. A round never overlaps
 * the next one. Runs from construction until `stop`.
 */
export class Sampler {
  readonly #options: SamplerOptions;
  readonly #stopping = new AbortController();
  readonly #rates: Rates;
  /** Instances that could not be measured last time. */
  readonly #failing = new Set<string>();
  readonly #running: Promise<void>;

  constructor(options: SamplerOptions) {
    this.#options = options;
    this.#rates = new Rates(options.clock);
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the sampler is stopping'));
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const { clock, intervalMs, wanted, logger } = this.#options;
    while (!signal.aborted) {
      await sleep(clock, intervalMs, signal).catch(() => undefined);
      if (signal.aborted || !wanted()) continue;
      try {
        await this.#round(signal);
      } catch (error) {
        if (!signal.aborted) logger.warn({ reason: messageOf(error) }, 'Measuring the host failed');
      }
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    const waiting = [...this.#options.running()];
    const known = new Set(waiting);
    for (const keyJson of this.#failing) if (!known.has(keyJson)) this.#failing.delete(keyJson);
    this.#rates.keep(new Set([...known, HOST]));
    const sums: Sums = { count: 0n, cpuPercent: 0, memBytes: 0n, diskBytes: 0n };
    const work = async () => {
      for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
        if (signal.aborted) return;
        await this.#instance(key, sums, signal);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    signal.throwIfAborted();
    await this.#cloudlet(sums);
  }

  async #instance(keyJson: string, sums: Sums, signal: AbortSignal): Promise<void> {
    const { driver, clock, send, logger } = this.#options;
    let usage: InstanceUsage;
    try {
      usage = await driver.measure(keyJson, signal);
    } catch (error) {
      // One line per instance: it may have just ended, or its engine may be away for long.
      const first = !signal.aborted && !this.#failing.has(keyJson);
      this.#failing.add(keyJson);
      if (first) logger.warn({ key: keyJson, reason: messageOf(error) }, 'Measuring an instance failed');
      return;
    }
    this.#failing.delete(keyJson);
    const values = valuesOf(usage, this.#rates.percent(keyJson, usage.cpuNanos));
    sums.count += 1n;
    sums.cpuPercent += values.cpuPercent ?? 0;
    sums.memBytes += values.memBytes ?? 0n;
    sums.diskBytes += values.diskBytes ?? 0n;
    send(appInstMetric(OBJECTS.AppInst.parseKeyJson(keyJson), clock.now(), values));
  }

  async #cloudlet(sums: Sums): Promise<void> {
    const { host, cloudletKey, clock, send } = this.#options;
    const usage = await host();
    this.#options.logger.debug({ instances: sums.count.toString() }, 'Measured');
    const cpuPercent = this.#rates.percent(HOST, usage.cpuNanos);
    send(
      cloudletMetric(cloudletKey, clock.now(), {
        ...(cpuPercent !== undefined && { cpuPercent }),
        cpuCores: BigInt(usage.cores),
        memBytes: whole(usage.memoryBytes),
        memTotalBytes: whole(usage.memoryTotalBytes),
        diskBytes: whole(usage.diskBytes),
        diskTotalBytes: whole(usage.diskTotalBytes),
        netInBytes: whole(usage.netInBytes),
        netOutBytes: whole(usage.netOutBytes),
        instCount: sums.count,
        instCpuPercent: sums.cpuPercent,
        instMemBytes: sums.memBytes,
        instDiskBytes: sums.diskBytes,
      }),
    );
  }
}

/** No key JSON. */
const HOST = '';

function valuesOf(usage: InstanceUsage, cpuPercent: number | undefined): Measured<AppInstMetrics> {
  const counts: Partial<Record<keyof Measured<AppInstMetrics>, number | undefined>> = {
    cpuNanos: usage.cpuNanos,
    memBytes: usage.memoryBytes,
    memLimitBytes: usage.memoryLimitBytes,
    diskBytes: usage.diskBytes,
    diskReadBytes: usage.diskReadBytes,
    diskWriteBytes: usage.diskWriteBytes,
    netInBytes: usage.netInBytes,
    netOutBytes: usage.netOutBytes,
  };
  const known = Object.entries(counts).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, whole(value)] as const],
  );
  return { ...Object.fromEntries(known), ...(cpuPercent !== undefined && { cpuPercent }) };
}

function whole(value: number): bigint {
  return BigInt(Math.max(0, Math.round(value)));
}
