import { defineErrors } from '@edgeplane/base';

/** What can go wrong between the two ends of a remote shell. */
export const shellErrors = defineErrors({
  DESCRIPTION_INVALID: ['INVALID_ARGUMENT', 'unable to decode {type}, {reason}'],
  ICE_SERVER_INVALID: [
    'INVALID_ARGUMENT',
    'ICE server "{url}": must be stun:<host>:<port> or turn:<host>:<port>',
  ],
  NO_ROUTE: [
    'UNAVAILABLE',
    'no way through to the agent within {seconds} s: it offers {addresses}; where a firewall or address translation lies between, name a STUN or TURN server',
  ],
  CONNECTION_LOST: ['UNAVAILABLE', 'the connection to the agent was lost'],
});
