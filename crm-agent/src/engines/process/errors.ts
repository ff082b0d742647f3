import { defineErrors } from '@edgeplane/base';

export const processErrors = defineErrors({
  processNotFound: ['FAILED_PRECONDITION', 'command "{command}" cannot be started: {reason}'],
  processStillRuns: ['INTERNAL', 'process {pid} still runs {ms} ms after SIGKILL'],
});
