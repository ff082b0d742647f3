import { defineErrors } from '@edgeplane/base';

export const sshErrors = defineErrors({
  SSH_UNREACHABLE: ['UNAVAILABLE', 'node {host} cannot be reached over SSH: {reason}', 'retryable'],
  SSH_REFUSED: ['UNAVAILABLE', 'node {host} refuses {what}: {reason}', 'retryable'],
  SSH_COMMAND_FAILED: ['INTERNAL', '{command} on node {host} ended with {how}: {output}'],
});
