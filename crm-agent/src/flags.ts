import { DEBUG_AREAS, type FlagSpec } from '@edgeplane/base';
import { DEFAULT_VERSION, NOTIFY_VERSIONS } from '@edgeplane/notify';
import { REMOTE_FLAGS } from './drivers/remote/flags.js';
import { DOOR_FLAGS } from './southbound/flags.js';
import { VIRTRIGAUD_FLAGS } from './southbound/virtrigaud/index.js';

/**
 * The agent's command line. Names in camel case are those of CRM spec section 9.1; the rest are ours. Each works in
 * kebab-case too. One address differs: `apiAddr` listens on loopback unless told otherwise, since nothing on it asks
 * who is calling.
 */
export const AGENT_FLAGS = {
  apiAddr: {
    type: 'string',
    default: '127.0.0.1:55099',
    about: 'gRPC address with health and reflection, for tools that ask whether the agent lives',
  },
  controller: {
    type: 'string',
    default: '127.0.0.1:55001',
    about: 'controller API address; recorded, as the agent needs only the notify address',
  },
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
  cloudletKey: { type: 'string', default: '', about: 'key of the cloudlet, as JSON or YAML; required' },
  d: {
    type: 'string',
    default: '',
    about: `areas whose debug lines are written, comma-separated: ${DEBUG_AREAS.join(' ')}`,
  },
  metricsAddr: {
    type: 'string',
    default: '',
    about:
      'address of /metrics (for Prometheus) and /healthz, port 0 any free one (docs/metrics.md); empty: none',
  },
  tls: { type: 'string', default: '', about: 'certificate file; the key and mex-ca.crt are found beside it' },
  hostname: { type: 'string', default: '', about: 'name of this node; the host name when empty' },
  platform: {
    type: 'string',
    default: '',
    about:
      'driver: fakecloudlet, local, microvm, vm-cluster, remote-provider or remote-microvm; falls back to the variable PLATFORM, then to the operator name',
  },
  plugin: {
    type: 'string',
    default: '',
    about: 'accepted for compatibility; drivers are built in',
    ignored: true,
  },
  stateDir: {
    type: 'string',
    default: '',
    about: 'where the agent remembers what it made; .edgeplane/agent/<operator>/<cloudlet> when empty',
  },
  publicAddr: { type: 'string', default: '127.0.0.1', about: 'address on which public ports are opened' },
  httpPort: {
    type: 'number',
    default: '0',
    about:
      'port that HTTP ports told apart by path share, where it is not the one that clients are told; 0: that one, 443',
  },
  httpCert: {
    type: 'string',
    default: '',
    about: 'certificate file (PEM) for that port, which speaks plain HTTP without',
  },
  httpKey: { type: 'string', default: '', about: 'file (PEM) with the key of the certificate' },
  imageDir: { type: 'string', default: '', about: 'folder of images for a site without a registry' },
  registryAuth: {
    type: 'string',
    default: '',
    about:
      'file with credentials of image registries, as podman login and docker login write it; none when empty',
  },
  nodeImage: {
    type: 'string',
    default: '',
    about:
      'vm-cluster driver: folder with the image of cluster nodes that deploy/images/node/build.sh makes; node in the image directory when empty',
  },
  cpuOvercommit: {
    type: 'number',
    default: '4',
    about: 'local driver: how many virtual CPUs it offers per CPU of the host, from 1 up',
  },
  onStop: {
    type: 'string',
    default: 'keep',
    choices: ['keep', 'stop'],
    about: 'whether workloads go on when the agent stops (keep), or stop and come back with it (stop)',
  },
  metricsInterval: {
    type: 'duration',
    default: '10s',
    about: 'how often instances and the host are measured, 0 for never (docs/metrics.md)',
  },
  stun: {
    type: 'string',
    default: '',
    about: 'STUN servers for remote shells, comma-separated as stun:<host>:<port>; none are asked when empty',
  },
  execIdleLimit: {
    type: 'duration',
    default: '30m',
    about: 'how long a remote shell may be silent before it is ended',
  },
  ...REMOTE_FLAGS,
  ...DOOR_FLAGS,
  ...VIRTRIGAUD_FLAGS,
  fakeCreateDelay: { type: 'duration', default: '0', about: 'fake driver: how long a create takes' },
  fakeUpdateDelay: { type: 'duration', default: '0', about: 'fake driver: how long an update takes' },
  fakeDeleteDelay: { type: 'duration', default: '0', about: 'fake driver: how long a delete takes' },
  fakeFail: {
    type: 'string',
    default: '',
    about:
      'fake driver: what fails, as <operation>[@<name pattern>]=fail:<text> or fail-once:<text>, separated by semicolons; operations are gather, create-cluster, update-cluster, delete-cluster, create-app, update-app, delete-app, runtime',
  },
  fakeClusterUpdate: {
    type: 'boolean',
    default: 'false',
    about: 'fake driver: whether clusters can be updated',
  },
  fakeVmPorts: {
    type: 'boolean',
    default: 'false',
    about: 'fake driver: whether public ports of vm instances are claimed to be opened',
  },
} as const satisfies Readonly<Record<string, FlagSpec>>;
