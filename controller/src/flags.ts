import { DEBUG_AREAS, type FlagSpec } from '@edgeplane/base';
import { DEFAULT_VERSION, IDENTITY_MODES, NOTIFY_LIMIT_FLAGS, NOTIFY_VERSIONS } from '@edgeplane/notify';
import { CAPACITY_MODES } from './refs/capacity.js';

/** Accepted from old start scripts, without effect. */
const ignored = (type: 'string' | 'boolean', alias?: string): FlagSpec => ({
  type,
  default: type === 'boolean' ? 'false' : '',
  about: 'accepted and ignored',
  ignored: true,
  ...(alias && { alias: [alias] }),
});

/** Command line of the controller: the flags of controller spec section 1.1 and our own. */
export const CONTROLLER_FLAGS = {
  store: {
    type: 'string',
    default: '',
    about:
      'where data is kept: memory, lmdb:<dir> or etcd:<url>[,<url>...]; default lmdb:.edgeplane/controller, or etcd when --etcd-urls is given',
  },
  etcdUrls: {
    type: 'string',
    default: 'http://127.0.0.1:2380',
    about: 'etcd client URLs, separated by commas; giving them is the same as --store etcd:<urls>',
  },
  region: {
    type: 'number',
    default: '1',
    about: 'region number, at least 1: first part of every stored key',
  },
  apiAddr: {
    type: 'string',
    default: '127.0.0.1:55001',
    about: 'address of the gRPC API; port 0 is any free one',
  },
  externalApiAddr: {
    type: 'string',
    default: '',
    about: 'address under which other controllers reach the API; default the API address',
  },
  httpAddr: {
    type: 'string',
    default: '127.0.0.1:8091',
    about: 'address of the REST gateway; port 0 is any free one, empty is none',
  },
  httpEnums: {
    type: 'string',
    default: 'proto',
    about: 'how enum values are written over REST when a request does not say ?enums=: proto or camel',
  },
  notifyAddr: { type: 'string', default: '127.0.0.1:50001', about: 'address for agents and match engines' },
  metricsAddr: {
    type: 'string',
    default: '',
    about:
      'address of /metrics (for Prometheus) and /healthz, port 0 any free one (docs/metrics.md); empty: none',
  },
  tls: {
    type: 'string',
    default: '',
    about: 'certificate file <dir>/<name>.crt, with <name>.key and mex-ca.crt beside it; empty is plain text',
  },
  accessPolicy: {
    type: 'string',
    default: '',
    about:
      'file that says which certificates may do what (docs/access.md); empty: every certificate of the CA may do everything',
  },
  cookieKeyRotation: {
    type: 'duration',
    default: '0s',
    about:
      'make keys for the session cookies of match engines, and a new one after so long: more than their --cookie-expiration; 0s: make none',
  },
  natsUrls: {
    type: 'string',
    default: '',
    about:
      'NATS servers, nats://host:port or tls://host:port, separated by commas; empty: events stay in the process',
  },
  natsCreds: { type: 'string', default: '', about: 'credentials file for NATS' },
  natsTls: {
    type: 'string',
    default: '',
    about: 'certificate file for NATS, with key and mex-ca.crt beside it as for --tls',
  },
  leaseTtl: {
    type: 'duration',
    default: '20s',
    about: 'how long after its death a controller counts as alive; its operations are taken over then',
  },
  rootDomain: {
    type: 'string',
    default: 'edge.internal',
    about: 'domain below which instances get their names',
  },
  imageRegistry: {
    type: 'string',
    default: 'registry.edge.internal',
    about: 'registry of the images of Apps that name no image path',
  },
  strictOwners: {
    type: 'boolean',
    default: 'false',
    about: 'refuse new Apps, ClusterInsts and Cloudlets whose Developer or Operator does not exist',
  },
  notifyVersion: {
    type: 'string',
    default: String(DEFAULT_VERSION),
    choices: NOTIFY_VERSIONS,
    about: 'highest version of the notify protocol to speak',
  },
  notifyIdentity: {
    type: 'string',
    default: 'optional',
    choices: IDENTITY_MODES,
    about:
      'whether certificates of peers must say for whom they speak; one that says so is held to it in any case',
  },
  ...NOTIFY_LIMIT_FLAGS,
  enforceCapacity: {
    type: 'string',
    default: 'binding',
    choices: CAPACITY_MODES,
    about:
      'whether what exceeds the limits of a site is refused: where its agent says that they are binding, always, or never',
  },
  allowLocalFetch: {
    type: 'boolean',
    default: 'false',
    about: 'fetch manifests and configs from loopback and link-local addresses too, and ask generators there',
  },
  createTimeout: { type: 'duration', default: '30m', about: 'how long a create waits for the agent' },
  updateTimeout: { type: 'duration', default: '20m', about: 'how long an update waits for the agent' },
  deleteTimeout: { type: 'duration', default: '20m', about: 'how long a delete waits for the agent' },
  shortTimeouts: {
    type: 'boolean',
    default: 'false',
    about: 'wait 3s, 2s and 2s instead, for tests',
  },
  skipVersionCheck: {
    type: 'boolean',
    default: 'false',
    about: 'start even when stored data is of another version',
  },
  autoUpgrade: {
    type: 'boolean',
    default: 'false',
    about: 'bring stored data of an older version to the current one; back up the store before',
  },
  forceUpgrade: {
    type: 'boolean',
    default: 'false',
    about: 'upgrade even though other controllers are registered, when it is certain that none runs',
  },
  influxAddr: {
    type: 'string',
    default: '',
    about: 'host:port of the InfluxDB that samples are written to (docs/metrics.md); empty: none',
  },
  d: {
    type: 'string',
    default: '',
    about: `areas whose debug lines are written, separated by commas: ${DEBUG_AREAS.join(' ')}`,
  },
  localEtcd: { type: 'boolean', default: 'false', about: 'not supported, see --store', ignored: true },
  initLocalEtcd: ignored('boolean'),
  r: ignored('string'),
  v: ignored('string'),
  logtostderr: ignored('boolean'),
  alsologtostderr: ignored('boolean'),
  stderrthreshold: ignored('string'),
  vmodule: ignored('string'),
  logDir: ignored('string', 'log_dir'),
  logBacktraceAt: ignored('string', 'log_backtrace_at'),
} as const satisfies Readonly<Record<string, FlagSpec>>;
