import type { PodmanSettings } from './settings.js';
import { SLIRP_MODE } from './settings.js';
import { LABEL, type PortMapping, specHash } from './spec.js';

/** Limits of a control group; what is absent is not limited. */
export interface GroupLimits {
  /** Thousandths of one CPU. */
  readonly cpuMillis?: number;
  /** Share under contention, 1 to 10000, as control groups version 2 count it. */
  readonly cpuWeight?: number;
  readonly memoryBytes?: number;
  readonly pids?: number;
  /** CPUs it may use, such as `0-2,4`. */
  readonly cpuset?: string;
}

/** What the containers of a pod share. */
export interface SandboxSpec {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly hostname: string;
  /** Containers see each other's processes. */
  readonly sharePid: boolean;
  /** A name given to `ensureNetwork`; null is loopback alone. */
  readonly network: string | null;
  readonly ports: readonly PortMapping[];
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly limits: GroupLimits;
  readonly volumes: readonly { readonly name: string; readonly inMemory: boolean }[];
}

export interface PodContainerSpec {
  /** Unique in its pod. */
  readonly name: string;
  readonly imageId: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir?: string;
  readonly user?: string;
  readonly readOnlyRoot: boolean;
  readonly addCapabilities: readonly string[];
  readonly dropCapabilities: readonly string[];
  readonly restart: 'always' | 'on-failure' | 'no';
  readonly stopSeconds: number;
  readonly mounts: readonly { readonly volume: string; readonly path: string; readonly readOnly: boolean }[];
  readonly limits: GroupLimits;
}

/** Podman's name of a pod's container or volume. */
export const partName = (pod: string, part: string): string => `${pod}-${part}`;

const CPU_PERIOD = 100_000;

/** The OCI form of limits; undefined when there are none. */
function resourceLimits({ cpuMillis, cpuWeight, memoryBytes, pids, cpuset }: GroupLimits) {
  const cpu = {
    ...(cpuMillis === undefined
      ? {}
      : { period: CPU_PERIOD, quota: Math.max(1_000, Math.round((cpuMillis * CPU_PERIOD) / 1000)) }),
    ...(cpuWeight === undefined ? {} : { shares: sharesOf(cpuWeight) }),
    ...(cpuset === undefined ? {} : { cpus: cpuset }),
  };
  const limits = {
    ...(Object.keys(cpu).length === 0 ? {} : { cpu }),
    // As much swap as memory would double the limit.
    ...(memoryBytes === undefined ? {} : { memory: { limit: memoryBytes, swap: memoryBytes } }),
    ...(pids === undefined ? {} : { pids: { limit: pids } }),
  };
  return Object.keys(limits).length === 0 ? undefined : limits;
}

/** The inverse of how runtimes turn shares into a weight, so that a weight comes out as it was given. */
const sharesOf = (weight: number): number => Math.round(2 + ((weight - 1) * 262_142) / 9_999);

/** What podman gives to a container by itself and a pod's containers do without. */
const DROPPED = ['CAP_MKNOD', 'CAP_NET_RAW'];

export interface PodContext {
  readonly owner: string;
  /** Podman's name of the network. */
  readonly network: string | null;
  readonly settings: PodmanSettings;
}

const labelsOf = (owner: string, pod: string, hash: string) => ({
  [LABEL.owner]: owner,
  [LABEL.name]: pod,
  [LABEL.kind]: 'pod',
  [LABEL.hash]: hash,
});

/** The body of podman's call that creates a pod. Pure. */
export function podRequest(spec: SandboxSpec, { owner, network, settings }: PodContext) {
  const limits = settings.limits ? resourceLimits(spec.limits) : undefined;
  const attached =
    network === null
      ? { netns: { nsmode: 'none' } }
      : settings.network === 'bridge'
        ? { netns: { nsmode: 'bridge' }, Networks: { [network]: {} } }
        : { netns: { nsmode: SLIRP_MODE } };
  return {
    name: spec.name,
    hostname: spec.hostname,
    labels: { ...spec.labels, ...labelsOf(owner, spec.name, specHash(spec)) },
    shared_namespaces: ['net', 'ipc', 'uts', ...(spec.sharePid ? ['pid'] : [])],
    // The sandbox stays when its last container ends.
    exit_policy: 'continue',
    ...attached,
    ...(spec.nameservers.length > 0 ? { dns_server: spec.nameservers } : {}),
    ...(spec.searches.length > 0 ? { dns_search: spec.searches } : {}),
    portmappings: spec.ports.map((port) => ({
      protocol: port.proto,
      host_ip: port.hostIp ?? '',
      host_port: port.hostPort,
      container_port: port.containerPort,
    })),
    ...(limits === undefined ? {} : { resource_limits: limits }),
  };
}

export const podContainerHash = (spec: PodContainerSpec): string => specHash(spec);

/** The body of podman's call that creates a container in a pod. Pure. */
export function podContainerRequest(
  pod: string,
  spec: PodContainerSpec,
  { owner, settings }: Pick<PodContext, 'owner' | 'settings'>,
) {
  const limits = settings.limits ? resourceLimits(spec.limits) : undefined;
  const added = new Set(spec.addCapabilities);
  return {
    name: partName(pod, spec.name),
    image: spec.imageId,
    pod,
    labels: labelsOf(owner, pod, podContainerHash(spec)),
    ...(spec.entrypoint === undefined ? {} : { entrypoint: spec.entrypoint }),
    ...(spec.command === undefined ? {} : { command: spec.command }),
    env: spec.env,
    ...(spec.workingDir === undefined ? {} : { work_dir: spec.workingDir }),
    ...(spec.user === undefined ? {} : { user: spec.user }),
    read_only_filesystem: spec.readOnlyRoot,
    no_new_privileges: true,
    cap_add: spec.addCapabilities,
    cap_drop: [...DROPPED, ...spec.dropCapabilities].filter((name) => !added.has(name)),
    restart_policy: spec.restart,
    stop_timeout: spec.stopSeconds,
    volumes: spec.mounts.map(({ volume, path, readOnly }) => ({
      Name: partName(pod, volume),
      Dest: path,
      Options: [readOnly ? 'ro' : 'rw'],
    })),
    ...(limits === undefined ? {} : { resource_limits: limits }),
  };
}
