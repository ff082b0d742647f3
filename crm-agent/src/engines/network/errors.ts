import { defineErrors } from '@edgeplane/base';

export const networkErrors = defineErrors({
  NETWORK_UNAVAILABLE: ['FAILED_PRECONDITION', 'this host cannot have networks for clusters: {reason}'],
  NETWORK_COMMAND_FAILED: ['INTERNAL', '{command} failed: {reason}'],
  NO_SUBNET_FREE: ['RESOURCE_EXHAUSTED', 'no subnet is free in {pool}: all {count} overlap with something'],
  SUBNET_TAKEN: [
    'FAILED_PRECONDITION',
    'subnet {subnet} of network {network} overlaps with {other}, which came to this host later',
  ],
});
