import { STATUS_CODES } from 'node:http';
import { EdgeplaneError, STATUS_NAMES } from '@edgeplane/base';
import type { JsonValue } from '@edgeplane/objects';

/** HTTP statuses by gRPC code (controller spec section 3.3). */
const HTTP: readonly number[] = [
  200, 408, 500, 400, 504, 404, 409, 403, 429, 412, 409, 400, 501, 500, 503, 500, 401,
];

/** What a failure is on the wire. */
export interface Failure {
  readonly code: number;
  readonly http: number;
  readonly message: string;
}

/** `REST` texts for what no method answers. */
export const NOT_IMPLEMENTED: Failure = { code: 12, http: 501, message: 'Not Implemented' };
export const METHOD_NOT_ALLOWED: Failure = { code: 12, http: 501, message: 'Method Not Allowed' };

/** An error's code, status and text; of one that is not ours, nothing is told. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof EdgeplaneError)) return { code: 13, http: 500, message: 'internal error' };
  const code = STATUS_NAMES.indexOf(error.status);
  return { code, http: HTTP[code] ?? 500, message: error.message };
}

/** Body of a failed unary call. */
export function unaryFailure({ code, message }: Failure): JsonValue {
  return { code, message, details: [] };
}

/** The last object of a stream that failed. */
export function streamFailure({ code, http, message }: Failure): JsonValue {
  return {
    error: { grpc_code: code, http_code: http, message, http_status: STATUS_CODES[http] ?? '', details: [] },
  };
}
