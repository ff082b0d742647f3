import { hostname as osHostname } from 'node:os';
import { resolve } from 'node:path';
import { type ParsedAreas, parseDebugAreas, parseFlags } from '@edgeplane/base';
import type { CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { type IceServer, parseIceServers } from '@edgeplane/remote-shell';
import { parseAddress } from '@edgeplane/rpc';
import { parseCloudletKey } from './cloudlet-key.js';
import type { FakeSettings } from './drivers/fake/index.js';
import { parseFakeRules } from './drivers/fake/index.js';
import type { HttpSettings } from './drivers/public-ports.js';
import { remoteMicrovmSettings, remoteProviderSettings } from './drivers/remote/flags.js';
import type { RemoteMicrovmSettings } from './drivers/remote-microvm/index.js';
import type { RemoteProviderSettings } from './drivers/remote-provider/index.js';
import { settingInvalid } from './errors.js';
import { AGENT_FLAGS } from './flags.js';
import { choosePlatform, type PlatformName } from './platforms.js';
import type { PodPolicy } from './southbound/aurae/index.js';
import { type FlintlockSettings, flintlockSettings } from './southbound/flintlock/settings.js';
import type { OperationsSettings } from './southbound/operations/index.js';
import { type DoorSettings, doorSettings } from './southbound/settings.js';
import { type VirtrigaudSettings, virtrigaudSettings } from './southbound/virtrigaud/index.js';

/** What becomes of workloads when the agent stops in good order. */
export type OnStop = 'keep' | 'stop';

/** More often, measuring would be a good part of what is measured. */
const LEAST_INTERVAL_MS = 100;

/** Everything an agent needs to know before it starts. */
export interface AgentConfig {
  readonly cloudletKey: CloudletKey;
  readonly platform: PlatformName;
  /** Where the health service listens; the text `off` turns it off. */
  readonly apiAddr: string;
  readonly notifyAddrs: readonly string[];
  /** Highest version of the notify protocol to speak. */
  readonly notifyVersion: number;
  /** Of `/metrics` and `/healthz`; empty: none. */
  readonly metricsAddr: string;
  /** Certificate file by the rules of spec section 16.1; empty means plain text. */
  readonly tls: string;
  /** Name of the Node that is reported. */
  readonly hostname: string;
  /** Absolute path; one agent at a time. */
  readonly stateDir: string;
  /** Address on which public ports are opened. */
  readonly publicAddr: string;
  readonly http: HttpSettings;
  /** Absolute path of a folder of images; empty when there is none. */
  readonly imageDir: string;
  /** File with credentials of registries; empty when there is none. */
  readonly registryAuth: string;
  /** Absolute path of the folder with the image of cluster nodes; empty: `node` in the image directory. */
  readonly nodeImage: string;
  /** Virtual CPUs that the local driver offers per CPU of the host. */
  readonly cpuOvercommit: number;
  readonly onStop: OnStop;
  /** Between two measurements, milliseconds; 0: nothing is measured. */
  readonly metricsIntervalMs: number;
  /** Servers that tell the agent its address behind address translation; none unless configured. */
  readonly stun: readonly IceServer[];
  /** How long a remote shell may be silent, milliseconds. */
  readonly execIdleMs: number;
  readonly fake: FakeSettings;
  /** Only of that platform. */
  readonly remoteProvider?: RemoteProviderSettings | undefined;
  /** Only of that platform. */
  readonly remoteMicrovm?: RemoteMicrovmSettings | undefined;
  /** Of the door `operations`. */
  readonly operations: OperationsSettings;
  /** APIs of other ecosystems that are served. */
  readonly doors: readonly DoorSettings[];
  readonly flintlock: FlintlockSettings;
  readonly virtrigaud: VirtrigaudSettings;
  /** What callers of the pod API get who say little. */
  readonly pods: PodPolicy;
}

/** What the process around the agent offers, as data. */
export interface Environment {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

export interface ParsedConfig {
  readonly config: AgentConfig;
  readonly debug: ParsedAreas;
  /** The value of a flag that is accepted and ignored. */
  readonly plugin: string;
}

/**
 * Reads the command line.
 * @throws EdgeplaneError naming the flag, the rule and the value.
 */
export function parseConfig(argv: readonly string[], environment: Environment): ParsedConfig {
  const { values } = parseFlags(AGENT_FLAGS, argv);
  const cloudletKey = parseCloudletKey(values.cloudletKey);
  const notifyAddrs = values.notifyAddrs
    .split(',')
    .map((a) => a.trim())
    .filter(Boolean);
  if (notifyAddrs.length === 0)
    throw settingInvalid('--notify-addrs', 'must name at least one address', values.notifyAddrs);
  if (!Number.isSafeInteger(values.cpuOvercommit) || values.cpuOvercommit < 1)
    throw settingInvalid('--cpu-overcommit', 'must be a whole number from 1 up', values.cpuOvercommit);
  if (values.metricsInterval !== 0 && values.metricsInterval < LEAST_INTERVAL_MS) {
    const rule = `must be 0 or at least ${LEAST_INTERVAL_MS} ms`;
    throw settingInvalid('--metrics-interval', rule, `${values.metricsInterval} ms`);
  }
  if (!(values.execIdleLimit > 0))
    throw settingInvalid('--exec-idle-limit', 'must be more than 0', values.execIdleLimit);
  if (values.metricsAddr !== '') parseAddress(values.metricsAddr);
  const platform = choosePlatform(values.platform, environment.variables['PLATFORM'], cloudletKey);
  const config: AgentConfig = {
    cloudletKey,
    platform,
    apiAddr: values.apiAddr,
    notifyAddrs,
    notifyVersion: Number(values.notifyVersion),
    metricsAddr: values.metricsAddr,
    tls: values.tls,
    hostname: values.hostname || osHostname(),
    stateDir: resolve(environment.cwd, values.stateDir || defaultStateDir(cloudletKey)),
    publicAddr: values.publicAddr,
    http: httpSettings(values, environment.cwd),
    imageDir: values.imageDir && resolve(environment.cwd, values.imageDir),
    registryAuth: values.registryAuth && resolve(environment.cwd, values.registryAuth),
    nodeImage: values.nodeImage && resolve(environment.cwd, values.nodeImage),
    cpuOvercommit: values.cpuOvercommit,
    onStop: values.onStop === 'stop' ? 'stop' : 'keep',
    metricsIntervalMs: values.metricsInterval,
    stun: parseIceServers(values.stun),
    execIdleMs: values.execIdleLimit,
    fake: {
      createDelayMs: values.fakeCreateDelay,
      updateDelayMs: values.fakeUpdateDelay,
      deleteDelayMs: values.fakeDeleteDelay,
      rules: parseFakeRules(values.fakeFail),
      clusterUpdate: values.fakeClusterUpdate,
      vmPorts: values.fakeVmPorts,
    },
    remoteProvider:
      platform === 'remote-provider' ? remoteProviderSettings(values, environment.cwd) : undefined,
    remoteMicrovm: platform === 'remote-microvm' ? remoteMicrovmSettings(values, environment.cwd) : undefined,
    operations: {
      inventory: values.operationsInventory && resolve(environment.cwd, values.operationsInventory),
      strictStatus: values.operationsStrictStatus,
    },
    doors: doorSettings(values, environment),
    flintlock: flintlockSettings(values),
    virtrigaud: virtrigaudSettings(values, environment),
    pods: { implicitPods: values.auraeImplicitPods, defaultImage: values.auraeDefaultImage },
  };
  return { config, debug: parseDebugAreas(values.d), plugin: values.plugin };
}

/** @throws INVALID_SETTING */
function httpSettings(
  { httpPort, httpCert, httpKey }: { httpPort: number; httpCert: string; httpKey: string },
  cwd: string,
): HttpSettings {
  if (!Number.isInteger(httpPort) || httpPort < 0 || httpPort > 65535)
    throw settingInvalid('--http-port', 'must be from 1 to 65535, or 0', httpPort);
  if ((httpCert === '') !== (httpKey === ''))
    throw settingInvalid('--http-cert and --http-key', 'must be given together', httpCert || httpKey);
  // nginx reads variables in such names.
  for (const [flag, value] of [
    ['--http-cert', httpCert],
    ['--http-key', httpKey],
  ] as const)
    if (/[$\n\r]/.test(value)) throw settingInvalid(flag, 'must have no $ and no line ends', value);
  const tls = { certificate: resolve(cwd, httpCert), key: resolve(cwd, httpKey) };
  return { port: httpPort, ...(httpCert === '' ? {} : { tls }) };
}

/** Folder of a cloudlet's agent below the working directory; names hold spaces and more, folders should not. */
export function defaultStateDir(key: CloudletKey): string {
  const part = (name: string) => name.replace(/[^-_.0-9a-zA-Z]/g, '-').replace(/^\.+/, '-');
  return `.edgeplane/agent/${part(key.operatorKey?.name ?? '')}/${part(key.name)}`;
}
