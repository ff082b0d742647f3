import { type Clock, EdgeplaneError } from '@edgeplane/base';
import type { RpcContext, Send } from '@edgeplane/rpc';
import { callerOf } from '../../identity.js';
import type { OperationLog, OperationRecord, Submission } from '../../work/index.js';
import { checkText } from './checks.js';
import { follow } from './follow.js';

/** What a call asks for, once it was looked at. */
export type Asked = Omit<Submission, 'owner' | 'requestId'>;

export interface BeginOptions {
  readonly log: OperationLog;
  readonly clock: Clock;
  /** Say with a gRPC status what is wrong with a request, and not in the stream. */
  readonly strictStatus: boolean;
}

/** Faults of a caller. In the stream, unless told otherwise: callers show the text of a message, and of no status. */
const IN_BAND: ReadonlySet<string> = new Set([
  ...['NOT_FOUND', 'INVALID_ARGUMENT', 'FAILED_PRECONDITION', 'ALREADY_EXISTS', 'DATA_LOSS'],
]);
/** Those that nobody waits for an operation to meet, when statuses are wanted. */
const STRICT: ReadonlySet<string> = new Set(['NOT_FOUND', 'INVALID_ARGUMENT']);

/**
 * Begins or joins the operation that a call means, and follows it. `refused` tells what is wrong with a call in its own stream.
 * @throws QUEUE_FULL, NOT_RECORDED, STOPPING; with strict statuses also what is wrong with the request
 */
export async function begin(
  { log, clock, strictStatus }: BeginOptions,
  call: { readonly requestId: string; readonly context: RpcContext },
  asked: () => Asked,
  send: Send<OperationRecord>,
  refused: (error: EdgeplaneError) => Promise<void>,
): Promise<void> {
  let record: OperationRecord;
  try {
    const { context, requestId } = call;
    record = await log.submit({
      ...asked(),
      requestId: checkText('request_id', requestId),
      owner: callerOf(context),
    });
  } catch (error) {
    const told = error instanceof EdgeplaneError && IN_BAND.has(error.status);
    if (!told || (strictStatus && STRICT.has(error.status))) throw error;
    return refused(error);
  }
  await follow(record, send, { log, clock, signal: call.context.signal });
}
