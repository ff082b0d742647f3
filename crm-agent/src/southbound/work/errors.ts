import { defineErrors } from '@edgeplane/base';

export const workErrors = defineErrors({
  NO_OPERATION: ['NOT_FOUND', 'operation {id} is not known: it never was, or ended too long ago'],
  NO_RUNNER: ['UNIMPLEMENTED', 'operations of kind {kind} are not known here'],
  QUEUE_FULL: ['RESOURCE_EXHAUSTED', '{queued} operations are waiting, which is the limit', 'retryable'],
  REQUEST_ID_REUSED: [
    'INVALID_ARGUMENT',
    'request_id "{requestId}" was used before, for {kind} of {subject} with another request (operation {id})',
  ],
  CANCELLED: ['CANCELLED', 'cancelled at step "{step}"'],
  TIMED_OUT: ['DEADLINE_EXCEEDED', 'gave up after {seconds} s, at step "{step}"'],
  INTERRUPTED: [
    'ABORTED',
    'interrupted {attempts} times by the end of the agent, the last time at step "{step}"',
  ],
  RUN_FAILED: ['INTERNAL', 'an unexpected fault at step "{step}"; the log of the agent tells more'],
  NOT_RECORDED: ['UNAVAILABLE', 'the operation cannot be recorded: {reason}', 'retryable'],
  STOPPING: ['UNAVAILABLE', 'the agent is stopping; operations under way go on when it is back', 'retryable'],
});
