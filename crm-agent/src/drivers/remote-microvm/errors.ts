import { defineErrors } from '@edgeplane/base';

/** What users are told of hosts of microVMs. */
export const microvmHostErrors = defineErrors({
  NO_HOST: ['UNAVAILABLE', 'none of {count} hosts takes {name}: {reason}', 'retryable'],
  NO_ADDRESS_LEFT: ['RESOURCE_EXHAUSTED', 'every address from {first} to {last} of host {host} is taken'],
});
