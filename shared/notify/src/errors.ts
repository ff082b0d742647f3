import { defineErrors } from '@edgeplane/base';

/** Why a notify session ends, other than the peer going away. */
export const notifyErrors = defineErrors({
  EXPECTED_VERSION: ['INVALID_ARGUMENT', 'Notify server expected action version'],
  EXPECTED_VERSION_REPLY: ['INVALID_ARGUMENT', 'Notify client expected action version'],
  VERSION_UNSUPPORTED: [
    'FAILED_PRECONDITION',
    'notify protocol version {version} is not supported: expected 1 or more',
  ],
  VERSION_TOO_OLD: [
    'FAILED_PRECONDITION',
    'notify server at {address} speaks version 1 only, and a relay needs version 2 above it: it must not run with --notify-version 1',
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
  TOO_MANY_SESSIONS: [
    'RESOURCE_EXHAUSTED',
    'too many notify sessions {of}: there may be {limit}',
    'retryable',
  ],
  NOTICE_TOO_COMPLEX: ['RESOURCE_EXHAUSTED', 'notice of more than {limit} fields'],
  SCOPE_TOO_LARGE: ['RESOURCE_EXHAUSTED', 'notify peer wants objects of more than {limit} cloudlets'],
  PEER_SENDS_TOO_MUCH: [
    'RESOURCE_EXHAUSTED',
    'notify peer has sent more objects than are kept: {limit} bytes of them',
  ],
  TOO_MANY_REPAIRS: [
    'RESOURCE_EXHAUSTED',
    'notify {type}: digests differed more than {times} times within {ms} ms',
    'retryable',
  ],
  DIGEST_MISMATCH: [
    'DATA_LOSS',
    'notify {type}: digests still differ after {times} repairs; everything is asked for anew',
    'retryable',
  ],
  ACK_TIMEOUT: ['DEADLINE_EXCEEDED', 'notify peer has acknowledged nothing for {ms} ms', 'retryable'],
  DATA_MODEL_UNKNOWN: [
    'FAILED_PRECONDITION',
    'notify peer {node} has data model {hash}, which this one ({own}) does not know: upgrade this one first',
  ],
  NOTIFY_IDENTITY: ['PERMISSION_DENIED', '{name} speaks for {own}, and may not {what}'],
  NOTIFY_IDENTITY_MISSING: [
    'UNAUTHENTICATED',
    '{name} has no notify identity, which is required here: an alternative name such as URI:edgeplane://{region}/crm/<operator>/<cloudlet>',
  ],
  NOTIFY_SECRETS: [
    'UNAUTHENTICATED',
    '{name} may not ask for {types}: that takes a notify identity such as URI:edgeplane://{region}/dme/<id>',
  ],
  NOTIFY_IDENTITY_INVALID: [
    'UNAUTHENTICATED',
    'the notify identity in certificate "{name}" is wrong: {reason}',
  ],
  SERVER_BEHIND: [
    'UNAVAILABLE',
    'this server has not reached revision {revision} yet, which the client has seen: try another',
    'retryable',
  ],
  NOTIFY_LOOP: [
    'FAILED_PRECONDITION',
    'notify relay {node} would be its own ancestor: {path}; its --notify-addrs must lead to a controller',
  ],
  NOT_IN_STEP: ['UNAVAILABLE', 'notify relay is not in step with what is above it: {reason}', 'retryable'],
  PEER_DRAINS: ['UNAVAILABLE', 'notify peer leaves: {reason}', 'retryable'],
  SESSION_CLOSED: ['UNAVAILABLE', 'notify session closed: {reason}', 'retryable'],
  NO_ADDRESS: ['INVALID_ARGUMENT', 'a notify client needs at least one address'],
});
