import { defineErrors } from '@edgeplane/base';

/** Faults of the RPC layer itself; application errors keep their own catalogue entries. */
export const rpcErrors = defineErrors({
  ADDRESS_INVALID: ['INVALID_ARGUMENT', 'bad address "{address}": expected host:port'],
  LISTEN_FAILED: ['FAILED_PRECONDITION', 'cannot listen on {address}: {reason}'],
  TLS_FILE_UNREADABLE: ['FAILED_PRECONDITION', 'cannot read TLS {what} {path}: {reason}'],
  DEBUG_LEVEL_UNKNOWN: ['INVALID_ARGUMENT', 'no debug level {level}: must be one of {known}'],
  MESSAGE_TOO_LARGE: ['RESOURCE_EXHAUSTED', 'Received message larger than max ({length} vs {limit})'],
  MESSAGE_COMPRESSED: ['INTERNAL', 'a message is marked as compressed, and no compression was announced'],
  INTERNAL: ['INTERNAL', 'internal error'],
});
