import { Backoff, type Clock, deferred, type Logger, messageOf, type Random, sleep } from '@edgeplane/base';
import { type BusEvent, type BusLimits, MAX_MESSAGE_BYTES } from './bus.js';
import { gapEvent } from './gap-event.js';

/** What became of an event that was sent: stored, or refused for good. A rejection means: try again. */
export type Sent = 'stored' | 'refused';

export interface OutboxOptions {
  /** Names this publisher in gap events. */
  readonly publisher: string;
  readonly limits: Pick<BusLimits, 'waitingEvents' | 'waitingBytes'>;
  /** Resolves when sending makes sense. Rejects when `signal` aborts. */
  readonly ready: (signal: AbortSignal) => Promise<void>;
  /** Stores one event. Called in order for a batch, without waiting in between. */
  readonly send: (event: BusEvent) => Promise<Sent>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const LARGEST_BATCH = 128;

/**
 * Events on their way to the bus, in bounded memory. A batch never holds two events of a subject that have an order, and
 * the next one waits for all of it: so events of a subject are stored in order, however sending fails.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #stopping = new AbortController();
  readonly #backoff: Backoff;
  #queue: BusEvent[] = [];
  #bytes = 0;
  #sending = 0;
  #moved = deferred();
  #stored = 0;
  #dropped = 0;
  /** Dropped since the last gap event was made. */
  #unsaid = 0;
  #gaps = 0;
  /** A gap event that has not been stored yet; it goes before everything that waits. */
  #gap: BusEvent | undefined;
  #running: Promise<void> | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#backoff = new Backoff({ base: 100, max: 2000 }, options.random);
  }

  /** Whether events wait or are to be told as dropped: a new one must not overtake them. */
  get busy(): boolean {
    return this.waiting > 0 || this.#unsaid > 0 || this.#gap !== undefined;
  }

  get waiting(): number {
    return this.#queue.length + this.#sending;
  }

  get stored(): number {
    return this.#stored;
  }

  get dropped(): number {
    return this.#dropped;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  push(event: BusEvent): void {
    if (this.#stopping.signal.aborted) return;
    if (event.data.byteLength > MAX_MESSAGE_BYTES) {
      this.#drop(event, 'too large');
    } else {
      this.#queue.push(event);
      this.#bytes += event.data.byteLength;
      const { waitingEvents, waitingBytes } = this.#options.limits;
      let over = 0;
      while (this.#queue.length - over > waitingEvents || this.#bytes > waitingBytes) {
        const oldest = this.#queue[over];
        if (!oldest) break;
        over += 1;
        this.#bytes -= oldest.data.byteLength;
        this.#drop(oldest, 'no room to wait');
      }
      if (over > 0) this.#queue = this.#queue.slice(over);
    }
    this.#moved.resolve();
  }

  /** Waits up to `graceMs` until everything is stored, then gives up what is left. */
  async stop(graceMs: number): Promise<void> {
    const { clock, logger } = this.#options;
    const grace = new AbortController();
    const cancel = clock.after(graceMs, () => grace.abort());
    while (this.waiting > 0 && !grace.signal.aborted) {
      await sleep(clock, 10, grace.signal).catch(() => undefined);
    }
    cancel();
    if (this.waiting > 0) logger.warn({ events: this.waiting }, 'Events given up: the bus is closing');
    this.#stopping.abort(new Error('the bus is closed'));
    this.#moved.resolve();
    await this.#running;
  }

  #drop(event: BusEvent, reason: string): void {
    this.#dropped += 1;
    this.#unsaid += 1;
    if (this.#unsaid === 1) {
      this.#options.logger.warn({ subject: event.subject, id: event.id, reason }, 'Events are dropped');
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    try {
      for (;;) {
        while (this.#queue.length === 0 && this.#unsaid === 0 && !this.#gap) {
          this.#moved = deferred();
          await this.#moved.promise;
          if (signal.aborted) return;
        }
        await this.#options.ready(signal);
        await this.#sendBatch(signal);
      }
    } catch (error) {
      if (!signal.aborted) this.#options.logger.error({ err: error }, 'Publishing ended');
    }
  }

  async #sendBatch(signal: AbortSignal): Promise<void> {
    const { publisher, logger, clock, send } = this.#options;
    if (!this.#gap && this.#unsaid > 0) {
      this.#gaps += 1;
      this.#gap = gapEvent(publisher, this.#gaps, this.#unsaid);
      this.#unsaid = 0;
    }
    const batch = this.#gap ? [this.#gap] : this.#take();
    const results = await Promise.allSettled(batch.map((event) => send(event)));
    this.#sending = 0;
    const failed: BusEvent[] = [];
    let reason: unknown;
    results.forEach((result, i) => {
      const event = batch[i];
      if (!event) return;
      if (result.status === 'rejected') {
        reason = result.reason;
        if (event !== this.#gap) failed.push(event);
        return;
      }
      if (event === this.#gap) this.#gap = undefined;
      else if (result.value === 'refused') this.#drop(event, 'refused');
      else this.#stored += 1;
    });
    for (const { data } of failed) this.#bytes += data.byteLength;
    if (failed.length > 0) this.#queue = [...failed, ...this.#queue];
    if (reason === undefined) {
      this.#backoff.reset();
      return;
    }
    logger.debug({ reason: messageOf(reason) }, 'Publishing is tried again');
    await sleep(clock, this.#backoff.next(), signal);
  }

  /** The longest start of the queue in which no subject repeats. */
  #take(): BusEvent[] {
    const subjects = new Set<string>();
    let size = 0;
    for (const event of this.#queue) {
      if (size === LARGEST_BATCH || (event.order !== undefined && subjects.has(event.subject))) break;
      subjects.add(event.subject);
      size += 1;
    }
    const batch = this.#queue.splice(0, size);
    for (const { data } of batch) this.#bytes -= data.byteLength;
    this.#sending = batch.length;
    return batch;
  }
}
