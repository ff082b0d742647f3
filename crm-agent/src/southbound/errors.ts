import { defineErrors } from '@edgeplane/base';

/** Faults of the doors' listeners: what they are opened with, and callers who may not call. */
export const doorErrors = defineErrors({
  DOOR_UNIDENTIFIED: [
    'FAILED_PRECONDITION',
    '--{door}-addr {address}: nobody could tell who calls; give --{door}-client-ca or --{door}-token-file, a unix:/path address, or --{door}-insecure',
  ],
  DOOR_PLAIN_TOKEN: [
    'FAILED_PRECONDITION',
    '--{door}-addr {address}: a token would be sent in plain text; give --{door}-cert, a loopback address, or --{door}-insecure',
  ],
  DOOR_FILE: ['FAILED_PRECONDITION', '{flag} {path}: {reason}'],
  NO_CLIENT_CERTIFICATE: ['UNAUTHENTICATED', 'a client certificate is needed'],
  CLIENT_NOT_ALLOWED: [
    'PERMISSION_DENIED',
    'no name of the client certificate is among those that may call: {names}',
  ],
  TOKEN_MISSING: ['UNAUTHENTICATED', 'authorization: a bearer token is needed'],
  TOKEN_WRONG: ['UNAUTHENTICATED', 'authorization: the token is not the one that is expected'],
});
