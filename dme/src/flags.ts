import { DEBUG_AREAS, type FlagSpec } from '@edgeplane/base';
import { DEFAULT_VERSION, NOTIFY_VERSIONS } from '@edgeplane/notify';
import { OFFERS } from './usable.js';

/** Where cookie keys may come from. */
export const KEY_SOURCES = ['file', 'vault', 'controller'] as const;

/**
 * The command line. Names in camel case are those of match engine spec section 1.1; the rest are ours. Each works in
 * kebab-case too. Listeners are on loopback unless told otherwise.
 */
export const DME_FLAGS = {
  notifyAddrs: {
    type: 'string',
    default: '127.0.0.1:50001',
    about: 'notify addresses of controllers, comma-separated',
  },
  notifyVersion: {
    type: 'string',
    default: String(DEFAULT_VERSION),
    choices: NOTIFY_VERSIONS,
    about: 'highest version of the notify protocol to speak',
  },
  apiAddr: { type: 'string', default: '127.0.0.1:50051', about: 'address of the gRPC API for clients' },
  httpAddr: {
    type: 'string',
    default: '127.0.0.1:38001',
    about: 'address of the REST API; port 0 is any free one, empty is none',
  },
  dlgAddr: {
    type: 'string',
    default: '',
    about: 'another address of the gRPC API, for clients that look for groups there (50058); empty is none',
  },
  natsUrls: {
    type: 'string',
    default: '',
    about:
      'NATS servers, nats://host:port or tls://host:port, separated by commas, over which match engines share groups; empty: each has its own',
  },
  natsCreds: { type: 'string', default: '', about: 'credentials file for NATS' },
  natsTls: {
    type: 'string',
    default: '',
    about: 'certificate file for NATS, with key and mex-ca.crt beside it as for --tls',
  },
  httpEnums: {
    type: 'string',
    default: 'proto',
    choices: ['proto', 'camel'],
    about: 'how enum values are written over REST when a request does not say ?enums=',
  },
  standalone: {
    type: 'boolean',
    default: 'false',
    about: 'work without a controller, with sample Apps, and serve AppApi and AppInstApi to change them',
  },
  d: {
    type: 'string',
    default: '',
    about: `areas whose debug lines are written, comma-separated: ${DEBUG_AREAS.join(' ')}`,
  },
  locverurl: {
    type: 'string',
    default: '',
    about:
      'location API of the carrier GDDT; LOCAPI_USER and LOCAPI_PASSWD in the environment are its user and password',
  },
  toksrvurl: {
    type: 'string',
    default: '',
    about: 'token server that clients are told of when they register',
  },
  metricsAddr: {
    type: 'string',
    default: '',
    about:
      'address of /metrics (for Prometheus) and /healthz, port 0 any free one (docs/metrics.md); empty: none',
  },
  tls: { type: 'string', default: '', about: 'certificate file; the key and mex-ca.crt are found beside it' },
  cloudletKey: {
    type: 'string',
    default: '',
    about: 'key of the cloudlet this runs in, as JSON or YAML; required',
  },
  scaleID: {
    type: 'string',
    default: '',
    about: 'tells match engines of one cloudlet apart; the host name when empty',
  },
  vaultAddr: {
    type: 'string',
    default: 'http://127.0.0.1:8200',
    about:
      'Vault that cookie keys are read from; VAULT_ROLE_ID and VAULT_SECRET_ID in the environment let in',
  },
  statsInterval: {
    type: 'number',
    default: '1',
    about: 'seconds between statistics that are sent to the controller; 0 for none',
  },
  syncWait: {
    type: 'duration',
    default: '1s',
    about:
      'how long to wait for a controller at the start; one that is there is then waited for until it has sent everything. 0s: serve clients at once',
  },
  peerRate: {
    type: 'number',
    default: '0',
    about:
      'calls per second that one address may make (an IPv6 /64 is one), ten seconds of them at once; 0: any number',
  },
  rate: {
    type: 'number',
    default: '0',
    about: 'calls per second that all may make together, one second of them at once; 0: any number',
  },
  badRate: {
    type: 'number',
    default: '50',
    about:
      'calls per second with bad cookies or tokens from one address, after which they are throttled; 0: any number',
  },
  shedLag: {
    type: 'duration',
    default: '500ms',
    about:
      'calls that waited longer than this for their turn are refused, so that others need not; 0s: none is',
  },
  maxConnections: { type: 'number', default: '20000', about: 'gRPC connections at a time' },
  maxConnectionsPerPeer: { type: 'number', default: '5000', about: 'the same, of one address' },
  maxStreams: { type: 'number', default: '1000', about: 'calls of one gRPC connection at a time' },
  statsShards: { type: 'number', default: '10', about: 'accepted for compatibility', ignored: true },
  workers: {
    type: 'number',
    default: '1',
    about: 'processes that serve clients; a good number is that of the cores',
  },
  stateDir: {
    type: 'string',
    default: '.edgeplane/dme/tables',
    about: 'folder of its own where tables are kept for the next start; empty: nowhere',
  },
  offer: {
    type: 'string',
    default: 'all',
    choices: OFFERS,
    about: 'instances clients are sent to: all, or those that are ready or being updated',
  },
  cookieExpiration: { type: 'duration', default: '24h', about: 'how long session cookies are valid' },
  carrier: {
    type: 'string',
    default: 'standalone',
    about: 'how VerifyLocation checks: GDDT or gddt asks a location API, anything else measures distances',
  },
  r: { type: 'string', default: '', about: 'accepted for compatibility', ignored: true },
  cookieKeys: {
    type: 'string',
    default: '',
    choices: ['', ...KEY_SOURCES],
    about:
      'where cookie keys come from: file, vault, or controller (which needs TLS with a certificate of a match engine, and the --cookie-key-rotation of the controller); default vault when VAULT_ROLE_ID is set, else file',
  },
  cookieKeyFile: {
    type: 'string',
    default: '.edgeplane/dme/cookie-keys.json',
    about:
      'secrets that cookies are signed with, shared by match engines; made when missing, and read again when changed. Those of a controller are kept here',
  },
} as const satisfies Readonly<Record<string, FlagSpec>>;
