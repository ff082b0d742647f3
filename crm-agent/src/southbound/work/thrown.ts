import { EdgeplaneError } from '@edgeplane/base';
import type { OperationFailure } from './record.js';

/** The error that ended an operation, to be thrown to whoever asks for it. */
export function thrown({ code, status, message }: OperationFailure): EdgeplaneError {
  const retryable = status === 'UNAVAILABLE' || status === 'ABORTED' || status === 'RESOURCE_EXHAUSTED';
  return new EdgeplaneError({ code, status, template: message, retryable }, message);
}
