import { createHash } from 'node:crypto';
import { fail } from '@edgeplane/base';
import { podmanErrors } from './errors.js';
import { type PodmanSettings, SLIRP_MODE } from './settings.js';

export interface PortMapping {
  readonly proto: 'tcp' | 'udp';
  /** Address to listen on; absent means all of the host. */
  readonly hostIp?: string;
  readonly hostPort: number;
  readonly containerPort: number;
}

/** A flavor: what a workload may use in all. */
export interface WorkloadLimits {
  readonly memoryMB: number;
  /** May be a fraction. */
  readonly vcpus: number;
  /** Processes and threads; {@link DEFAULT_PIDS} when absent. */
  readonly pids?: number;
}

export interface ContainerSpec {
  readonly name: string;
  /** A name in local storage: what `ensureImage` returned, or a registry reference. */
  readonly image: string;
  /** Arguments for the image's entry point. */
  readonly command?: readonly string[];
  /** Replaces the image's entry point. */
  readonly entrypoint?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** A name given to `ensureNetwork`; the engine's default network when absent. */
  readonly network?: string;
  readonly ports?: readonly PortMapping[];
  /** Device files of the host that it may open. */
  readonly devices?: readonly string[];
  readonly limits: WorkloadLimits;
}

export interface KubeSpec {
  readonly name: string;
  /** Kubernetes manifest, one or more documents. */
  readonly yaml: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly network?: string;
  readonly ports?: readonly PortMapping[];
  readonly limits: WorkloadLimits;
}

export const DEFAULT_PIDS = 1024;

export const LABEL = {
  owner: 'io.edgeplane.owner',
  /** Name the workload has for the caller; several containers of a manifest share it. */
  name: 'io.edgeplane.name',
  kind: 'io.edgeplane.kind',
  /** Hash of the spec it was made from: another hash means it must be made anew. */
  hash: 'io.edgeplane.spec',
  network: 'io.edgeplane.network',
} as const;

const badSpec = (field: string, rule: string, value: string | number) =>
  fail(podmanErrors.PODMAN_BAD_SPEC, { field, rule, value });

/** Refuses what podman would refuse later, or not at all. */
export function checkSpec(spec: ContainerSpec | KubeSpec): void {
  checkName('name', spec.name);
  const { memoryMB, vcpus, pids } = spec.limits;
  if (!Number.isFinite(memoryMB) || memoryMB < 6)
    throw badSpec('limits.memoryMB', 'must be at least 6', memoryMB);
  if (!Number.isFinite(vcpus) || vcpus < 0.01) throw badSpec('limits.vcpus', 'must be at least 0.01', vcpus);
  if (pids !== undefined && (!Number.isInteger(pids) || pids < 1)) {
    throw badSpec('limits.pids', 'must be a whole number above 0', pids);
  }
  const seen = new Set<string>();
  for (const port of spec.ports ?? []) {
    for (const [field, value] of [
      ['hostPort', port.hostPort],
      ['containerPort', port.containerPort],
    ] as const) {
      if (!Number.isInteger(value) || value < 1 || value > 65535) {
        throw badSpec(`ports.${field}`, 'must be between 1 and 65535', value);
      }
    }
    const key = `${port.proto} ${port.hostIp ?? ''}:${port.hostPort}`;
    if (seen.has(key)) throw badSpec('ports.hostPort', 'must not be given twice', key);
    seen.add(key);
  }
  for (const key of Object.keys(spec.labels ?? {})) {
    if (key.startsWith('io.edgeplane.')) throw badSpec('labels', 'must not start with io.edgeplane.', key);
  }
}

export function checkName(field: string, name: string): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,199}$/.test(name)) {
    throw badSpec(field, 'must be letters, digits, dots, dashes and underscores, 200 at most', name);
  }
}

/** The same for equal values whatever the order of members. */
export function specHash(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex').slice(0, 32);
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value)
    .filter(([, v]) => v !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`).join(',')}}`;
}

export interface CreateContext {
  readonly owner: string;
  /** Podman's name of the network. */
  readonly network: string;
  readonly imageId: string;
  readonly settings: PodmanSettings;
}

const CPU_PERIOD = 100_000;

/** The body of podman's create call. */
export interface ContainerRequest {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly netns: { readonly nsmode: string };
  readonly Networks?: Readonly<Record<string, object>>;
  readonly portmappings: readonly object[];
  readonly devices?: readonly object[];
  readonly resource_limits?: object;
  readonly restart_policy: string;
  readonly stop_timeout: number;
}

/** Pure. */
export function containerRequest(spec: ContainerSpec, context: CreateContext): ContainerRequest {
  const { settings } = context;
  const bridge = settings.network === 'bridge';
  return {
    name: spec.name,
    image: context.imageId,
    ...(spec.command === undefined ? {} : { command: spec.command }),
    ...(spec.entrypoint === undefined ? {} : { entrypoint: spec.entrypoint }),
    env: spec.env ?? {},
    labels: {
      ...spec.labels,
      [LABEL.owner]: context.owner,
      [LABEL.name]: spec.name,
      [LABEL.kind]: 'container',
      [LABEL.hash]: containerHash(spec, context.imageId),
    },
    ...(bridge
      ? { netns: { nsmode: 'bridge' }, Networks: { [context.network]: {} } }
      : { netns: { nsmode: SLIRP_MODE } }),
    portmappings: (spec.ports ?? []).map((port) => ({
      protocol: port.proto,
      host_ip: port.hostIp ?? '',
      host_port: port.hostPort,
      container_port: port.containerPort,
    })),
    ...(spec.devices?.length ? { devices: spec.devices.map((path) => ({ path })) } : {}),
    ...(settings.limits ? { resource_limits: resourceLimits(spec.limits) } : {}),
    restart_policy: 'unless-stopped',
    stop_timeout: 10,
  };
}

export const containerHash = (spec: ContainerSpec, imageId: string): string => specHash({ spec, imageId });

function resourceLimits(limits: WorkloadLimits) {
  return {
    memory: { limit: Math.round(limits.memoryMB * 1024 * 1024) },
    cpu: { period: CPU_PERIOD, quota: Math.max(1_000, Math.round(limits.vcpus * CPU_PERIOD)) },
    pids: { limit: limits.pids ?? DEFAULT_PIDS },
  };
}
