import { defineErrors } from '@edgeplane/base';

/** Faults of a relay. */
export const relayErrors = defineErrors({
  NOTIFY_ADDRS_MISSING: [
    'INVALID_ARGUMENT',
    'flag --notify-addrs: must name at least one controller or relay above',
  ],
  NOTIFY_IDENTITY_NEEDS_TLS: [
    'INVALID_ARGUMENT',
    'flag --notify-identity: required needs --tls, because peers are known by their certificates',
  ],
  EXEC_AGENT_LOST: [
    'UNAVAILABLE',
    'relay {name} has lost the agent of the Cloudlet, or the way to it, before an answer came',
  ],
  EXEC_NO_AGENT: ['UNAVAILABLE', 'no agent of the Cloudlet is connected to relay {name}'],
});
