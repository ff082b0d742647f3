import { defineErrors } from '@edgeplane/base';

/** What the gateway itself refuses. */
export const gatewayErrors = defineErrors({
  LISTEN_FAILED: ['FAILED_PRECONDITION', 'cannot serve REST on {address}: {reason}'],
  BODY_TOO_LARGE: ['INVALID_ARGUMENT', 'the request body has more than {limit} bytes'],
  BAD_REQUEST: ['INVALID_ARGUMENT', 'the request cannot be read: {reason}'],
  TOO_MANY_REQUESTS: [
    'RESOURCE_EXHAUSTED',
    'more than {limit} requests from your address are under way: try again later',
    'retryable',
  ],
  BAD_PARAMETER: ['INVALID_ARGUMENT', 'query member {name} must be printable ASCII, but got "{value}"'],
  BAD_ENUMS: ['INVALID_ARGUMENT', 'query member enums must be proto or camel, but got "{value}"'],
});
