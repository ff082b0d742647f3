import { defineErrors } from '@edgeplane/base';

/** Refused moves. */
export const lifecycleErrors = defineErrors({
  ILLEGAL_MOVE: ['FAILED_PRECONDITION', '{kind}: the {actor} may not move {from} to {to}'],
});
