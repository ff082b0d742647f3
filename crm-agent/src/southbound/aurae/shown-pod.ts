import type { Probe } from '@edgeplane/proto/southbound/aurae/edgeplane/pod/v1/pod-extension.js';
import { Container, Pod } from '@edgeplane/proto/southbound/aurae/runtime/pod/v0/pod.js';
import type { GroupLimits } from '../../engines/podman/index.js';
import type { PodRecord } from './pod-record.js';
import type { ContainerSpec, ProbeSpec } from './pod-spec.js';

const RESTARTS = { always: 0, 'on-failure': 1, no: 2 } as const;
const PULLS = { absent: 0, always: 1, never: 2 } as const;

/** A pod as its caller may see it: what was asked for, without the values of environment variables. Pure. */
export function shownPod({ uid, name, tenant, spec, ports }: PodRecord): Pod {
  return Pod.fromPartial({
    ...{ uid, name, tenant, labels: { ...spec.labels } },
    containers: spec.containers.map(shownContainer),
    resources: shownLimits(spec.limits),
    network: {
      mode: spec.network === 'none' ? 1 : 0,
      ports: ports.map(({ proto, ...port }) => ({ protocol: proto, ...port })),
      dns: { nameservers: [...spec.nameservers], searches: [...spec.searches] },
    },
    volumes: spec.volumes.map((volume) => ({ ...volume })),
    restartPolicy: RESTARTS[spec.restart],
    ...{ hostname: spec.hostname, sharePid: spec.sharePid, stopGraceMs: spec.graceMs },
  });
}

function shownContainer(spec: ContainerSpec): Container {
  const { name, image, pull, digest, command, args, env, workingDir, limits, mounts, init } = spec;
  const { user, readOnlyRoot, addCapabilities, dropCapabilities, liveness, readiness } = spec;
  return Container.fromPartial({
    ...{ name, image, workingDir, init, imageDigest: digest, pullPolicy: PULLS[pull] },
    ...{ command: [...command], args: [...args] },
    env: Object.fromEntries(Object.keys(env).map((key) => [key, ''])),
    resources: shownLimits(limits),
    mounts: mounts.map((mount) => ({ ...mount })),
    security: {
      ...{ user, readOnlyRoot },
      ...{ addCapabilities: [...addCapabilities], dropCapabilities: [...dropCapabilities] },
    },
    ...(liveness && { liveness: shownProbe(liveness) }),
    ...(readiness && { readiness: shownProbe(readiness) }),
  });
}

function shownLimits({ cpuMillis, memoryBytes, pids, cpuWeight, cpuset }: GroupLimits) {
  return {
    ...(cpuMillis !== undefined && { cpuMillis: BigInt(cpuMillis) }),
    ...(memoryBytes !== undefined && { memoryBytes: BigInt(memoryBytes) }),
    ...(pids !== undefined && { pids: BigInt(pids) }),
    ...(cpuWeight !== undefined && { cpuWeight }),
    ...(cpuset !== undefined && { cpuset }),
  };
}

function shownProbe({ action, ...times }: ProbeSpec): Probe {
  if (action.type === 'exec')
    return { action: { $case: 'exec', value: { command: [...action.command] } }, ...times };
  if (action.type === 'tcp') return { action: { $case: 'tcpPort', value: action.port }, ...times };
  const { port, path } = action;
  return { action: { $case: 'http', value: { port, path } }, ...times };
}
