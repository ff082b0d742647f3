import { EdgeplaneError, type ErrorKind, STATUS_NAMES, type StatusName } from '@edgeplane/base';
import { Metadata } from '@grpc/grpc-js';
import { rpcErrors } from './errors.js';

/** Trailer that carries the stable code of an error between our own processes; other clients ignore it. */
const CODE_TRAILER = 'edgeplane-error-code';

/**
 * Longest error text put in a trailer. HTTP/2 peers refuse large header blocks, and a refused block turns a clear
 * error into a broken connection.
 */
const MAX_DETAILS = 8192;

/** What grpc-js wants of a failed call: status number, text, trailers. */
export interface WireError {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

/**
 * The one mapping from errors to the wire. An EdgeplaneError gives the status of its kind and its message unchanged
 * (beyond 8192 characters it is cut, and says so). Anything else becomes INTERNAL `internal error`: its text may hold
 * secrets, so the caller logs it instead. Causes are never sent.
 */
export function toServiceError(error: unknown): WireError {
  const known = error instanceof EdgeplaneError ? error : undefined;
  const metadata = new Metadata();
  metadata.set(CODE_TRAILER, known ? known.code : rpcErrors.INTERNAL.code);
  return {
    code: STATUS_NAMES.indexOf(known ? known.status : rpcErrors.INTERNAL.status),
    details: known ? cut(known.message) : rpcErrors.INTERNAL.template,
    metadata,
  };
}

/**
 * The inverse, for clients: an EdgeplaneError with the status and text of a grpc-js ServiceError. `code` is the
 * sender's stable code when it is one of ours, else `REMOTE_<STATUS>`. Anything that is not a ServiceError is
 * returned as it is.
 */
export function fromServiceError(error: unknown): unknown {
  if (!isWireError(error)) return error;
  const status: StatusName = STATUS_NAMES[error.code] ?? 'UNKNOWN';
  const sent = error.metadata?.get(CODE_TRAILER)[0];
  const text = status === 'UNAVAILABLE' ? explained(error.details) : error.details;
  const kind: ErrorKind = {
    code: typeof sent === 'string' ? sent : `REMOTE_${status}`,
    status,
    template: text,
    retryable: status === 'UNAVAILABLE' || status === 'RESOURCE_EXHAUSTED' || status === 'ABORTED',
  };
  return new EdgeplaneError(kind, text, { cause: error });
}

/** What the transport says when only one end speaks TLS, in words that tell so. */
function explained(details: string): string {
  return details
    .replace(/Error: [^\n]*wrong version number[^\n]*\n?/, 'the server speaks plain text, not TLS')
    .replace(
      /Failed to connect \([^)]*\)/,
      'connected, but not answered in HTTP/2: does the server expect TLS?',
    );
}

function isWireError(
  error: unknown,
): error is Error & { code: number; details: string; metadata?: Metadata } {
  return (
    error instanceof Error &&
    typeof (error as { code?: unknown }).code === 'number' &&
    typeof (error as { details?: unknown }).details === 'string'
  );
}

function cut(text: string): string {
  if (text.length <= MAX_DETAILS) return text;
  return `${text.slice(0, MAX_DETAILS)}... (${text.length - MAX_DETAILS} more characters)`;
}
