import { defineErrors } from '@edgeplane/base';

/** Why a notify session ends, other than the peer going away. */
export const notifyErrors = defineErrors({
  EXPECTED_VERSION: ['INVALID_ARGUMENT', 'Notify server expected action version'],
  EXPECTED_VERSION_REPLY: ['INVALID_ARGUMENT', 'Notify client expected action version'],
  VERSION_UNSUPPORTED: [
    'FAILED_PRECONDITION',
    'notify protocol version {version} is not supported: expected 1 or more',
  ],
  HANDSHAKE_TIMEOUT: ['DEADLINE_EXCEEDED', 'notify handshake not finished within {ms} ms'],
  NOTICE_MALFORMED: ['INVALID_ARGUMENT', 'malformed notice: {reason}'],
  NOTICE_TOO_LARGE: [
    'RESOURCE_EXHAUSTED',
    'notice of {bytes} bytes is larger than the limit of {limit} bytes',
  ],
  PEER_TOO_SLOW: [
    'RESOURCE_EXHAUSTED',
    'notify peer is too slow: more than {limit} changes are waiting to be sent',
    'retryable',
  ],
  SESSION_CLOSED: ['UNAVAILABLE', 'notify session closed: {reason}', 'retryable'],
  NO_ADDRESS: ['INVALID_ARGUMENT', 'a notify client needs at least one address'],
});
