import type { Operation } from '@edgeplane/proto/southbound/isard/edgeplane/operations/v1/operations-extension.js';
import type { CreateHypervisorResponse } from '@edgeplane/proto/southbound/isard/operations/v1/operations.js';
import { OperationState } from '@edgeplane/proto/southbound/isard/operations/v1/operations.js';
import type { OperationRecord } from '../../work/index.js';

/** What every streamed answer of OperationsService has. */
export type Progress = CreateHypervisorResponse;

const STATES = {
  scheduled: OperationState.OPERATION_STATE_SCHEDULED,
  active: OperationState.OPERATION_STATE_ACTIVE,
  failed: OperationState.OPERATION_STATE_FAILED,
  completed: OperationState.OPERATION_STATE_COMPLETED,
} as const;

/** @param ahead operations that come before it */
export function toProgress(record: OperationRecord, ahead: number): Progress {
  const { id, state, message, seq, progressPermille, error, updatedMs, result } = record;
  return {
    state: STATES[state],
    msg: state === 'scheduled' ? `queued (op=${id}, position=${ahead + 1})` : message,
    ...{ operationId: id, seq: BigInt(seq), progressPermille, errorCode: error?.code ?? '' },
    ...{ updatedUnixMs: BigInt(updatedMs), result: { ...result } },
  };
}

/** A call that began no operation. */
export function toRefusal(code: string, message: string, nowMs: number): readonly Progress[] {
  const none = { operationId: '', progressPermille: 0, updatedUnixMs: BigInt(nowMs), result: {} };
  return [
    { ...none, state: STATES.scheduled, msg: 'looking at the request', seq: 1n, errorCode: '' },
    { ...none, state: STATES.failed, msg: message, seq: 2n, errorCode: code },
  ];
}

export function toOperation(record: OperationRecord): Operation {
  return {
    ...{ id: record.id, kind: record.kind, subject: record.subject, state: record.state.toUpperCase() },
    ...{ msg: record.message, step: record.step, progressPermille: record.progressPermille },
    ...{ seq: BigInt(record.seq), errorCode: record.error?.code ?? '', result: { ...record.result } },
    ...{ requestId: record.requestId, owner: record.owner, attempts: record.attempts },
    ...{ createdUnixMs: BigInt(record.createdMs), startedUnixMs: BigInt(record.startedMs) },
    ...{ updatedUnixMs: BigInt(record.updatedMs), finishedUnixMs: BigInt(record.finishedMs) },
  };
}
