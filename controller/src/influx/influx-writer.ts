import {
  Backoff,
  type Clock,
  type Deferred,
  deferred,
  isKind,
  type Logger,
  messageOf,
  type Random,
  sleep,
} from '@edgeplane/base';
import type { Metric } from '@edgeplane/proto/edgeproto/metric.js';
import type { MetricSink } from '../metrics/metric-receiver.js';
import { InfluxClient, influxErrors } from './influx-client.js';
import { lineOf } from './line-protocol.js';

export interface InfluxWriterOptions {
  readonly client: Pick<InfluxClient, 'addr' | 'createDatabase' | 'write'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Points that may wait; while there are as many, new ones are dropped. */
export const QUEUE_MAX = 5000;
/** More points than this are written at once instead of after {@link FLUSH_MS}. */
const FLUSH_POINTS = 50;
const FLUSH_MS = 1000;
/** Points of one request. */
const BATCH_MAX = 1000;
const RETRY = { base: 500, max: 5000 };
/** How long a stopping writer goes on, milliseconds. */
const FAREWELL_MS = 2000;

/** Writes to the database of the reference, `metrics`. Whoever starts it stops it. */
export function startInflux(addr: string, options: Omit<InfluxWriterOptions, 'client'>): InfluxWriter {
  const { clock, random, logger } = options;
  const client = new InfluxClient({ addr, database: 'metrics', clock });
  const writer = new InfluxWriter({ client, clock, random, logger });
  writer.start();
  return writer;
}

/**
 * Writes samples to InfluxDB (controller spec section 18.4). What could not be written waits in the queue, in order, and is
 * tried again; only what finds the queue full, or what InfluxDB finds wrong, is lost, and counted. Without InfluxDB
 * nothing fails, and the log has one line per change.
 */
export class InfluxWriter implements MetricSink {
  /** Points, since construction. */
  readonly counters = { written: 0, dropped: 0, refused: 0 };
  readonly #options: InfluxWriterOptions;
  readonly #queue: string[] = [];
  readonly #stopping = new AbortController();
  readonly #backoff: Backoff;
  #state: 'starting' | 'up' | 'down' = 'starting';
  /** Points are being dropped. */
  #full = false;
  #due: Deferred<void> = deferred();
  #cancelTimer: (() => void) | undefined;
  #running: Promise<void> | undefined;

  constructor(options: InfluxWriterOptions) {
    this.#options = options;
    this.#backoff = new Backoff(RETRY, options.random);
  }

  /** Begins to write, in the background. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Points that wait. */
  get waiting(): number {
    return this.#queue.length;
  }

  add(metric: Metric): void {
    if (this.#queue.length >= QUEUE_MAX) {
      if (!this.#full)
        this.#options.logger.warn({ max: QUEUE_MAX }, 'Samples are dropped: the queue is full');
      this.#full = true;
      this.counters.dropped += 1;
      return;
    }
    const line = lineOf(metric);
    if (line === undefined) return;
    this.#queue.push(line);
    if (this.#queue.length > FLUSH_POINTS) this.#due.resolve();
    else this.#cancelTimer ??= this.#options.clock.after(FLUSH_MS, () => this.#due.resolve());
  }

  /** Tries once more to write what waits, for a moment, then ends. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the writer is stopping'));
    this.#due.resolve();
    await this.#running;
    this.#cancelTimer?.();
    if (this.#state !== 'up' || this.#queue.length === 0) return;
    const farewell = new AbortController();
    const cancel = this.#options.clock.after(FAREWELL_MS, () => farewell.abort(new Error('no more time')));
    while (this.#queue.length > 0 && (await this.#write(farewell.signal)));
    cancel();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    await this.#insist((s) => this.#options.client.createDatabase(s), signal);
    while (!signal.aborted) {
      await this.#due.promise;
      this.#due = deferred();
      this.#cancelTimer?.();
      this.#cancelTimer = undefined;
      while (this.#queue.length > 0 && !signal.aborted) {
        if (!(await this.#write(signal))) await this.#pause(signal);
      }
    }
  }

  /** Writes the oldest points; false when they have to be tried again. */
  async #write(signal: AbortSignal): Promise<boolean> {
    const { client, logger } = this.#options;
    const batch = this.#queue.slice(0, BATCH_MAX);
    try {
      await client.write(batch, signal);
      this.counters.written += batch.length;
    } catch (error) {
      if (isKind(error, influxErrors.INFLUX_NO_DATABASE)) {
        await this.#insist((s) => client.createDatabase(s), signal);
        return false;
      }
      if (!isKind(error, influxErrors.INFLUX_REFUSED)) {
        if (!signal.aborted) this.#change('down', messageOf(error));
        return false;
      }
      // InfluxDB has stored the points of the batch that are right.
      this.counters.refused += batch.length;
      logger.warn({ points: batch.length, reason: error.message }, 'Samples are lost');
    }
    this.#queue.splice(0, batch.length);
    this.#full = false;
    this.#change('up');
    logger.debug({ points: batch.length, waiting: this.#queue.length }, 'Samples written');
    return true;
  }

  /** Repeats until it succeeds or `signal` aborts. */
  async #insist(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await work(signal);
        this.#change('up');
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#change('down', messageOf(error));
        await this.#pause(signal);
      }
    }
  }

  #pause(signal: AbortSignal): Promise<void> {
    return sleep(this.#options.clock, this.#backoff.next(), signal).catch(() => undefined);
  }

  #change(to: 'up' | 'down', reason?: string): void {
    if (to === 'up') this.#backoff.reset();
    const from = this.#state;
    if (from === to) return;
    this.#state = to;
    const facts = {
      influx: this.#options.client.addr,
      from,
      to,
      waiting: this.#queue.length,
      ...this.counters,
    };
    if (to === 'up') this.#options.logger.info(facts, 'InfluxDB');
    else this.#options.logger.warn({ ...facts, reason }, 'InfluxDB');
  }
}
