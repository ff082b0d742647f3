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
  EXEC_NO_AGENT: ['UNAVAILABLE', 'no agent of the Cloudlet is connected to relay {name}'],
});
