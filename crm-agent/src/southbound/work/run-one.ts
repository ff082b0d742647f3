import { type Clock, EdgeplaneError, fail, type Logger } from '@edgeplane/base';
import type { Entry } from './entry.js';
import { workErrors } from './errors.js';
import type { OperationFailure, OperationRecord } from './record.js';
import type { RunContext, Runner, Success } from './runner.js';

export interface RunEnvironment {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends every run of the log without deciding how it ended. */
  readonly stopping: AbortSignal;
  readonly readSecret: (id: string) => Promise<string>;
  readonly released: (lane: string) => void;
  /** Told of each durable point of an operation, before it goes on. */
  readonly onStep: ((record: OperationRecord) => Promise<void> | void) | undefined;
}

export type Outcome =
  | { readonly ok: true; readonly success: Success }
  | { readonly ok: false; readonly failure: OperationFailure }
  /** The log stops: the next life runs it again. */
  | 'stopped';

/** Runs an operation that is active to its end, which the caller writes down. */
export async function runOne(entry: Entry, runner: Runner, environment: RunEnvironment): Promise<Outcome> {
  const { clock, stopping } = environment;
  const abort = new AbortController();
  const end = (reason: Error) => abort.abort(reason);
  const onStop = () => end(fail(workErrors.STOPPING));
  stopping.addEventListener('abort', onStop, { once: true });
  const timeoutMs =
    typeof runner.timeoutMs === 'function' ? runner.timeoutMs(entry.record) : runner.timeoutMs;
  const cancelTimer =
    timeoutMs === undefined
      ? undefined
      : clock.after(timeoutMs, () =>
          end(fail(workErrors.TIMED_OUT, { seconds: timeoutMs / 1000, step: entry.record.step })),
        );
  entry.abort = end;
  // What was cancelled in an earlier life is still run, so that it can take back what it did.
  if (entry.record.cancelled) end(cancelled(entry));
  if (stopping.aborted) onStop();
  try {
    const success = await runner.run(entry.record, contextOf(entry, abort.signal, environment));
    return { ok: true, success };
  } catch (error) {
    if (stopping.aborted) return 'stopped';
    const thrown: unknown = abort.signal.aborted ? abort.signal.reason : error;
    return { ok: false, failure: failureOf(thrown, entry.record, environment.logger) };
  } finally {
    entry.abort = undefined;
    cancelTimer?.();
    stopping.removeEventListener('abort', onStop);
  }
}

export function cancelled({ record }: Entry): EdgeplaneError {
  return fail(workErrors.CANCELLED, { step: record.step });
}

function contextOf(entry: Entry, signal: AbortSignal, environment: RunEnvironment): RunContext {
  return {
    signal,
    async step(step, { message, permille, data } = {}) {
      const record = await entry.write({
        step,
        message: message ?? step,
        ...(permille !== undefined && { progressPermille: within(permille) }),
        ...(data !== undefined && { data }),
      });
      await environment.onStep?.(record);
    },
    progress(permille, message) {
      entry.show({ progressPermille: within(permille), ...(message !== undefined && { message }) });
    },
    async release(lane) {
      await entry.write((record) => ({ lanes: record.lanes.filter((other) => other !== lane) }));
      environment.released(lane);
    },
    secret: () => environment.readSecret(entry.record.id),
  };
}

const within = (permille: number): number => Math.max(0, Math.min(1000, Math.round(permille)));

/** What is said of an error: its own words when they are meant for users, else only where it was. */
export function failureOf(error: unknown, record: OperationRecord, logger: Logger): OperationFailure {
  const { id, kind, subject, step } = record;
  const known = error instanceof EdgeplaneError;
  if (!known) logger.error({ err: error, id, kind, subject, step }, 'Operation met an unexpected fault');
  else if (error.cause !== undefined) logger.info({ err: error.cause, id, kind, subject, step }, 'Cause');
  const { code, status, message } = known ? error : fail(workErrors.RUN_FAILED, { step });
  return { code, status, message };
}
