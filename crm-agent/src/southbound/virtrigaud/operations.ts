import { type Clock, isDiskFull, isKind } from '@edgeplane/base';
import type {
  TaskRef,
  TaskStatusResponse,
} from '@edgeplane/proto/southbound/virtrigaud/provider/v1/provider.js';
import type { RpcContext } from '@edgeplane/rpc';
import {
  isFinished,
  type Json,
  type OperationLog,
  type OperationRecord,
  type Submission,
  thrown,
  workErrors,
} from '../work/index.js';
import { managerError } from './codes.js';
import { makesMachine } from './machine-work.js';
import { invalid } from './values.js';

/** An operation that is asked for: what of it may be seen is its request, what may not is its secret. */
export interface Wanted<R> {
  readonly kind: string;
  /** What it acts on, and has for itself. */
  readonly subject: string;
  readonly request: R;
  readonly secret?: unknown;
}

/** How a call that has something done ends: with its result, or with a task to ask for. */
export interface Answer {
  readonly task: TaskRef | undefined;
  /** Empty while the task runs. */
  readonly result: Readonly<Record<string, string>>;
}

/** Without a deadline a caller gets a task after so long. */
const PATIENCE_MS = 10_000;
/** Of the time until its deadline that a caller is made to wait for the result. */
const SHARE = 0.8;
const LONGEST_MS = 25 * 60_000;

/**
 * Has operations done and waits for them for as long as the caller surely does: what fails is best told in the answer, as
 * managers do not look at what became of a task that failed (spec of VirtRigaud, section 4).
 */
export class Operations {
  readonly #log: OperationLog;
  readonly #clock: Clock;

  constructor(log: OperationLog, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** @throws how the operation failed, when that is known in time */
  async done<R extends object>(wanted: Wanted<R>, context: RpcContext): Promise<Answer> {
    return this.answer(await this.begin(wanted), context);
  }

  /** Has it done, without waiting for more than its record. */
  async begin<R extends object>(wanted: Wanted<R>): Promise<OperationRecord> {
    const { kind, subject, request, secret } = wanted;
    const submission: Submission = {
      ...{ kind, subject, lanes: [subject], owner: 'virtrigaud' },
      request: JSON.parse(JSON.stringify(request)) as Json,
      ...(secret === undefined ? {} : { secret: JSON.stringify(secret) }),
    };
    try {
      return await this.#log.submit(submission);
    } catch (error) {
      // What is wrong is the disk, not the service.
      const { cause } = error as Error;
      throw isDiskFull(cause) ? managerError(cause) : error;
    }
  }

  /** Waits for one that was begun. @throws how it failed, when that is known in time */
  async answer(record: OperationRecord, context: RpcContext): Promise<Answer> {
    const patience = new AbortController();
    const left = context.deadline - this.#clock.now();
    const ms = Number.isFinite(left) ? Math.min(Math.max(0, left * SHARE), LONGEST_MS) : PATIENCE_MS;
    const cancel = this.#clock.after(ms, () => patience.abort());
    const gone = () => patience.abort();
    context.signal.addEventListener('abort', gone, { once: true });
    try {
      const last = await this.#log.wait(record.id, patience.signal).catch((error: unknown) => {
        if (!patience.signal.aborted) throw error;
        return this.#log.get(record.id);
      });
      if (last.error) throw thrown(last.error);
      return isFinished(last)
        ? { task: undefined, result: last.result }
        : { task: { id: last.id }, result: {} };
    } finally {
      cancel();
      context.signal.removeEventListener('abort', gone);
    }
  }

  /** The newest operation on a subject that is not over and of which that is true. */
  pending(
    subject: string,
    is: (record: OperationRecord) => boolean = () => true,
  ): OperationRecord | undefined {
    return this.#log
      .list()
      .findLast((record) => record.subject === subject && !isFinished(record) && is(record));
  }

  /** Has what is not over on a subject, and is so, end soon. */
  async cancel(subject: string, is: (record: OperationRecord) => boolean): Promise<void> {
    const all = this.#log.list().filter((one) => one.subject === subject && !isFinished(one) && is(one));
    for (const { id } of all) await this.#log.cancel(id);
  }

  /** One that makes a machine of that name. */
  making(name: string): OperationRecord | undefined {
    const names = (record: OperationRecord) => (record.request as { readonly name?: string }).name === name;
    return this.#log
      .list()
      .findLast((record) => makesMachine(record) && !isFinished(record) && names(record));
  }

  /** @throws FIELD_INVALID without an id */
  status(task: TaskRef | undefined): TaskStatusResponse {
    const id = task?.id ?? '';
    if (id === '') throw invalid('task.id', 'given', id);
    let record: OperationRecord;
    try {
      record = this.#log.get(id);
    } catch (error) {
      if (isKind(error, workErrors.NO_OPERATION)) return { done: true, error: 'task not found' };
      throw error;
    }
    return { done: isFinished(record), error: record.error?.message ?? '' };
  }
}
