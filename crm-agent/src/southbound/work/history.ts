import type { OperationRecord } from './record.js';

export interface HistoryLimits {
  /** How long what has ended is remembered, milliseconds. */
  readonly keepMs: number;
  /** How many of those are remembered at most, the latest first. */
  readonly keepCount: number;
}

/** Which of the operations that have ended are to be forgotten. `finished` in the order in which they ended. */
export function toForget(
  finished: readonly Pick<OperationRecord, 'id' | 'finishedMs'>[],
  nowMs: number,
  { keepMs, keepCount }: HistoryLimits,
): readonly string[] {
  const surplus = finished.length - keepCount;
  return finished.filter((r, at) => at < surplus || r.finishedMs + keepMs < nowMs).map(({ id }) => id);
}
