import { DEBUG_AREAS, type FlagSpec } from '@edgeplane/base';
import { IDENTITY_MODES, NOTIFY_LIMIT_FLAGS } from '@edgeplane/notify';

/** The command line. The listener is on loopback unless told otherwise. */
export const RELAY_FLAGS = {
  notifyAddrs: {
    type: 'string',
    default: '127.0.0.1:50001',
    about: 'notify addresses of what is above, controllers or relays, comma-separated',
  },
  notifyListen: {
    type: 'string',
    default: '127.0.0.1:50002',
    about: 'address for agents, match engines and relays below; health and reflection are here too',
  },
  name: {
    type: 'string',
    default: '',
    about: 'name under which ShowNode shows it; the host name when empty',
  },
  metricsAddr: {
    type: 'string',
    default: '',
    about:
      'address of /metrics (for Prometheus) and /healthz, port 0 any free one (docs/metrics.md); empty: none',
  },
  tls: { type: 'string', default: '', about: 'certificate file; the key and mex-ca.crt are found beside it' },
  notifyIdentity: {
    type: 'string',
    default: 'optional',
    choices: IDENTITY_MODES,
    about:
      'whether certificates of peers must say for whom they speak; one that says so is held to it in any case',
  },
  region: {
    type: 'string',
    default: '1',
    about: 'region of the controllers, as certificates of peers name it',
  },
  ...NOTIFY_LIMIT_FLAGS,
  d: {
    type: 'string',
    default: '',
    about: `areas whose debug lines are written, comma-separated: ${DEBUG_AREAS.join(' ')}`,
  },
} as const satisfies Readonly<Record<string, FlagSpec>>;
