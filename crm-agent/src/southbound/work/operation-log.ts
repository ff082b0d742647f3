import { Backoff, type Clock, fail, type Logger, messageOf, type Random, sleep } from '@edgeplane/base';
import { Ulids } from '../ulids.js';
import { Entry } from './entry.js';
import { workErrors } from './errors.js';
import { type HistoryLimits, toForget } from './history.js';
import { type Intent, JoinIndex, sameness } from './join-index.js';
import { mayBegin, type Waiting, waitingBefore } from './lanes.js';
import { isFinished, type OperationRecord } from './record.js';
import { type OperationDisk, RecordFiles } from './record-files.js';
import { cancelled, failureOf, type Outcome, runOne } from './run-one.js';
import type { Runner } from './runner.js';

export interface OperationLogOptions {
  /** Folder of its own. */
  readonly dir: string;
  readonly disk: OperationDisk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Operations that run at once; default 4. */
  readonly workers?: number;
  /** Operations that may wait; default 1000. */
  readonly maxWaiting?: number;
  /** How often an operation is begun again after the agent's end; default 10. */
  readonly maxAttempts?: number;
  /** Default: a day, and 2000. */
  readonly history?: HistoryLimits;
  /** Called after each durable change but those of `release`, before the operation goes on: where tests end the process. */
  readonly onStep?: (record: OperationRecord) => Promise<void> | void;
}

export interface Submission extends Omit<Intent, 'requestId'> {
  readonly lanes: readonly string[];
  readonly requestId?: string;
  /** Credentials and the like: kept in a file of its own until the operation is over, and in no record. */
  readonly secret?: string;
}

const DEFAULT_HISTORY: HistoryLimits = { keepMs: 24 * 3600_000, keepCount: 2000 };
/** More changes than anybody was told of since the last durable one. */
const SEQ_LEAP = 1_000_000;
const REWRITE = { base: 50, max: 5000 };

/**
 * Long operations that outlive their callers and the agent. Each is on disk before `submit` resolves; they run in the
 * order of their lanes by the runner of their kind, again from their record after a restart; what has ended is remembered for a while.
 * Register runners, then `start`, then submit.
 */
export class OperationLog {
  readonly #options: OperationLogOptions;
  readonly #files: RecordFiles;
  readonly #ids: Ulids;
  readonly #runners = new Map<string, Runner>();
  readonly #entries = new Map<string, Entry>();
  readonly #joins = new JoinIndex();
  /** In order of arrival. */
  readonly #waiting = new Map<string, Waiting>();
  readonly #running = new Map<string, Promise<void>>();
  /** Of submissions that are being written. */
  readonly #writing = new Map<string, Promise<void>>();
  readonly #busyLanes = new Set<string>();
  /** In the order in which they ended. */
  readonly #finished = new Set<string>();
  readonly #stopping = new AbortController();
  #idleWorkers: number;

  constructor(options: OperationLogOptions) {
    this.#options = options;
    this.#files = new RecordFiles(options.dir, options.disk);
    this.#ids = new Ulids(options.clock, options.random);
    this.#idleWorkers = options.workers ?? 4;
  }

  /** Before `start`. */
  register(kind: string, runner: Runner): void {
    this.#runners.set(kind, runner);
  }

  /** Takes up what an earlier life left. @throws RECORD_BROKEN naming the file */
  async start(): Promise<void> {
    const records = await this.#files.load();
    const ended = records.filter(isFinished).sort((a, b) => a.finishedMs - b.finishedMs);
    for (const record of [...ended, ...records.filter((r) => !isFinished(r))]) {
      this.#ids.seen(record.id);
      const seq = record.seq + (isFinished(record) ? 0 : SEQ_LEAP);
      this.#adopt({ ...record, seq });
    }
    await this.#forget();
    this.#begin();
  }

  /**
   * Has an operation done, or joins the one that the call means: that of the same `requestId`, else one under way of the same
   * kind, subject and request. Resolves with its record as soon as that is on disk.
   * @throws REQUEST_ID_REUSED, QUEUE_FULL, NOT_RECORDED, STOPPING
   */
  async submit(submission: Submission): Promise<OperationRecord> {
    if (this.#stopping.signal.aborted) throw fail(workErrors.STOPPING);
    const { kind, requestId = '' } = submission;
    if (!this.#runners.has(kind)) throw fail(workErrors.NO_RUNNER, { kind });
    const joined = this.#joins.find({ ...submission, requestId });
    if (joined !== undefined) return this.#join(joined, submission);
    const { maxWaiting = 1000 } = this.#options;
    if (this.#waiting.size >= maxWaiting) throw fail(workErrors.QUEUE_FULL, { queued: maxWaiting });
    const entry = this.#newEntry(this.#newRecord(submission, requestId));
    this.#entries.set(entry.record.id, entry);
    this.#joins.add(entry.record);
    // First come, first served, whichever is on disk first.
    this.#enqueue(entry.record, false);
    const written = this.#record(entry, submission.secret);
    this.#writing.set(entry.record.id, written);
    await written;
    return entry.record;
  }

  /** The operation that a call would join; undefined when it would begin one. */
  find(intent: Intent): OperationRecord | undefined {
    const id = this.#joins.find(intent);
    return id === undefined ? undefined : this.get(id);
  }

  /** @throws NO_OPERATION */
  get(id: string): OperationRecord {
    return this.#entry(id).record;
  }

  /** All that are remembered, in order of submission. */
  list(): readonly OperationRecord[] {
    return [...this.#entries.values()].map(({ record }) => record).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** How many wait before a scheduled operation in its lanes; 0 of one that runs or is over. */
  ahead(id: string): number {
    const waiting = this.#waiting.get(id);
    if (!waiting) return 0;
    const held = waiting.lanes.some((lane) => this.#busyLanes.has(lane)) ? 1 : 0;
    return held + waitingBefore(this.#waiting.values(), waiting);
  }

  /**
   * The record now, then as it changes, and at last as it ended. A slow reader misses what is between, never the end.
   * @throws NO_OPERATION; while iterating STOPPING, or the reason of the signal
   */
  watch(id: string, signal?: AbortSignal): AsyncIterable<OperationRecord> {
    const entry = this.#entry(id);
    const stopping = this.#stopping.signal;
    return (async function* () {
      for (;;) {
        const { record } = entry;
        yield record;
        if (isFinished(record)) return;
        if (stopping.aborted) throw fail(workErrors.STOPPING);
        await entry.changed(record.seq, signal);
      }
    })();
  }

  /** The record as it ended. @throws as watch */
  async wait(id: string, signal?: AbortSignal): Promise<OperationRecord> {
    let last = this.get(id);
    for await (const record of this.watch(id, signal)) last = record;
    return last;
  }

  /** Has an operation end: at once when it waits, when its runner has taken back what it did else. Too late is fine. */
  async cancel(id: string): Promise<OperationRecord> {
    const entry = this.#entry(id);
    if (isFinished(entry.record)) return entry.record;
    await entry.write({ cancelled: true });
    if (this.#waiting.delete(id)) {
      const failure = failureOf(cancelled(entry), entry.record, this.#options.logger);
      await this.#finish(entry, { ok: false, failure });
      this.#begin();
    } else entry.abort?.(cancelled(entry));
    return entry.record;
  }

  /** Ends what runs, without an outcome: the next life goes on with it. */
  async stop(): Promise<void> {
    this.#stopping.abort(fail(workErrors.STOPPING));
    for (const entry of this.#entries.values()) entry.end(fail(workErrors.STOPPING));
    await Promise.allSettled([...this.#running.values(), ...this.#writing.values()]);
    await Promise.all([...this.#entries.values()].map((entry) => entry.idle()));
  }

  #newRecord({ kind, subject, lanes, request, owner }: Submission, requestId: string): OperationRecord {
    const now = this.#options.clock.now();
    return {
      ...{ id: this.#ids.next(), kind, subject, lanes: [...new Set(lanes)], request, requestId, owner },
      ...{ state: 'scheduled', message: 'queued', step: '', data: null, progressPermille: 0, seq: 0 },
      ...{ error: null, result: {}, attempts: 0, cancelled: false },
      ...{ createdMs: now, startedMs: 0, updatedMs: now, finishedMs: 0 },
    };
  }

  /** Writes a new operation down. @throws NOT_RECORDED, and then it never was */
  async #record(entry: Entry, secret: string | undefined): Promise<void> {
    const { id } = entry.record;
    try {
      if (secret !== undefined) await this.#files.writeSecret(id, secret);
      const record = await entry.write({});
      this.#moved('', record);
      await this.#options.onStep?.(record);
      // Who saw it in a list may have cancelled it meanwhile.
      if (!isFinished(entry.record)) this.#enqueue(entry.record, true);
    } catch (error) {
      this.#waiting.delete(id);
      this.#entries.delete(id);
      this.#joins.forgotten(entry.record);
      // What a disk refused may be there all the same.
      await this.#files.remove(id).catch(() => undefined);
      await this.#files.removeSecret(id).catch(() => undefined);
      throw fail(workErrors.NOT_RECORDED, { reason: messageOf(error) }, { cause: error });
    } finally {
      this.#writing.delete(id);
      this.#begin();
    }
  }

  /** @throws REQUEST_ID_REUSED, NOT_RECORDED */
  async #join(id: string, submission: Submission): Promise<OperationRecord> {
    const entry = this.#entry(id);
    const { kind, subject, requestId } = entry.record;
    if (sameness(entry.record) !== sameness(submission))
      throw fail(workErrors.REQUEST_ID_REUSED, { requestId, kind, subject, id });
    await this.#writing.get(id);
    return entry.record;
  }

  #adopt(record: OperationRecord): void {
    this.#entries.set(record.id, this.#newEntry(record));
    this.#joins.add(record);
    if (isFinished(record)) this.#finished.add(record.id);
    else this.#enqueue(record, true);
  }

  #newEntry(record: OperationRecord): Entry {
    return new Entry(record, this.#files, () => this.#options.clock.now());
  }

  #enqueue({ id, kind, lanes }: OperationRecord, ready: boolean): void {
    const takesWorker = this.#runners.get(kind)?.takesWorker !== false;
    this.#waiting.set(id, { id, lanes, takesWorker, ready });
  }

  /** Begins what may begin. */
  #begin(): void {
    if (this.#stopping.signal.aborted) return;
    for (const { id, lanes, takesWorker } of mayBegin(
      this.#waiting.values(),
      this.#busyLanes,
      this.#idleWorkers,
    )) {
      this.#waiting.delete(id);
      for (const lane of lanes) this.#busyLanes.add(lane);
      if (takesWorker) this.#idleWorkers -= 1;
      const entry = this.#entry(id);
      const over = this.#run(entry).finally(() => {
        for (const lane of entry.record.lanes) this.#busyLanes.delete(lane);
        if (takesWorker) this.#idleWorkers += 1;
        this.#running.delete(id);
        this.#begin();
      });
      this.#running.set(id, over);
    }
  }

  /** Never rejects. */
  async #run(entry: Entry): Promise<void> {
    const outcome = await this.#attempt(entry).catch((error: unknown): Outcome => {
      // The disk refused what has to be on it before the work begins.
      if (this.#stopping.signal.aborted) return 'stopped';
      return { ok: false, failure: failureOf(error, entry.record, this.#options.logger) };
    });
    if (outcome !== 'stopped') await this.#finish(entry, outcome);
    else
      await entry.write(({ attempts }) => ({ attempts: Math.max(0, attempts - 1) })).catch(() => undefined);
  }

  async #attempt(entry: Entry): Promise<Outcome> {
    const { clock, logger, onStep, maxAttempts = 10 } = this.#options;
    const { kind, attempts, step, startedMs, state: from } = entry.record;
    const refuse = (error: Error): Outcome => ({
      ...{ ok: false, failure: failureOf(error, entry.record, logger) },
    });
    const runner = this.#runners.get(kind);
    if (!runner) return refuse(fail(workErrors.NO_RUNNER, { kind }));
    if (attempts >= maxAttempts) return refuse(fail(workErrors.INTERRUPTED, { attempts, step }));
    const record = await entry.write({
      ...{ state: 'active', message: attempts === 0 ? 'started' : 'started again' },
      ...{ attempts: attempts + 1, startedMs: startedMs || clock.now() },
    });
    this.#moved(from, record);
    await onStep?.(record);
    return runOne(entry, runner, {
      ...{ clock, logger, onStep, stopping: this.#stopping.signal },
      readSecret: (id) => this.#files.readSecret(id),
      released: (lane) => {
        this.#busyLanes.delete(lane);
        this.#begin();
      },
    });
  }

  /** Writes the end down, as often as it takes: nobody is told of an end that a restart would forget. */
  async #finish(entry: Entry, outcome: Exclude<Outcome, 'stopped'>): Promise<void> {
    const { clock, logger, random, onStep } = this.#options;
    const from = entry.record.state;
    const backoff = new Backoff(REWRITE, random);
    for (;;) {
      try {
        const ended = outcome.ok
          ? { state: 'completed' as const, progressPermille: 1000, result: outcome.success.result ?? {} }
          : { state: 'failed' as const, error: outcome.failure };
        const message = outcome.ok ? outcome.success.message : outcome.failure.message;
        const record = await entry.write({ ...ended, message, finishedMs: clock.now() });
        this.#moved(from, record);
        this.#joins.finished(record);
        this.#finished.add(record.id);
        await onStep?.(record);
        break;
      } catch (error) {
        const { id } = entry.record;
        logger.error({ err: error, id }, 'The end of an operation cannot be written, trying again');
        await sleep(clock, backoff.next(), this.#stopping.signal).catch(() => undefined);
        if (this.#stopping.signal.aborted) return;
      }
    }
    await this.#files.removeSecret(entry.record.id).catch((error: unknown) => {
      logger.warn({ err: error, id: entry.record.id }, 'A secret is left until the agent starts again');
    });
    await this.#forget();
  }

  async #forget(): Promise<void> {
    const { clock, logger, history = DEFAULT_HISTORY } = this.#options;
    const finished = [...this.#finished].map((id) => this.#entry(id).record);
    for (const id of toForget(finished, clock.now(), history)) {
      this.#finished.delete(id);
      this.#joins.forgotten(this.#entry(id).record);
      this.#entries.delete(id);
      await this.#files.remove(id).catch((error: unknown) => {
        logger.warn(
          { err: error, id },
          'The record of an old operation is left until the agent starts again',
        );
      });
    }
  }

  #moved(from: string, { id, kind, subject, state, error, attempts }: OperationRecord): void {
    const why = error && { code: error.code, reason: error.message };
    this.#options.logger.info({ id, kind, subject, from, to: state, attempts, ...why }, 'Operation');
  }

  /** @throws NO_OPERATION */
  #entry(id: string): Entry {
    const entry = this.#entries.get(id);
    if (!entry) throw fail(workErrors.NO_OPERATION, { id });
    return entry;
  }
}
