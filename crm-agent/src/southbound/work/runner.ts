import type { Json, OperationRecord } from './record.js';

/** How an operation ended well. */
export interface Success {
  /** For people. */
  readonly message: string;
  /** For programs. */
  readonly result?: Readonly<Record<string, string>>;
}

export interface StepDetail {
  readonly message?: string;
  readonly permille?: number;
  /** Replaces what earlier steps told. */
  readonly data?: Json;
}

/** What a runner has to work with. */
export interface RunContext {
  /** Aborted when the operation is cancelled, takes too long, or the agent stops. The runner then ends soon. */
  readonly signal: AbortSignal;
  /** Tells what is done next. Durable when it resolves: a later life finds `step` and `data` in the record. */
  step(name: string, detail?: StepDetail): Promise<void>;
  /** Tells how far the step is; forgotten at a restart. */
  progress(permille: number, message?: string): void;
  /** Gives a lane to whoever waits for it, for good: a later life does not take it again. */
  release(lane: string): Promise<void>;
  /** What came with the submission; empty when nothing did. */
  secret(): Promise<string>;
}

/**
 * Does the work of one kind of operation. It has to be repeatable: after a restart it is called again, with the record as it
 * was last written, for work that may have been done in part, in full, or not at all. A thrown EdgeplaneError is how the
 * operation failed; whatever it leaves behind then is its own to take back.
 */
export interface Runner {
  run(record: OperationRecord, context: RunContext): Promise<Success>;
  /** Milliseconds from its begin in this life; default none. */
  readonly timeoutMs?: number | ((record: OperationRecord) => number | undefined);
  /** False for one that only waits for other operations, which would else keep workers from them. Default true. */
  readonly takesWorker?: boolean;
}
