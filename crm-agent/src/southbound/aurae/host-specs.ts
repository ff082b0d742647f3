import type { PodContainerSpec, SandboxSpec } from '../../engines/podman/index.js';
import { type PodRecord, tenantNetwork } from './pod-record.js';
import type { ContainerSpec } from './pod-spec.js';

/** The part of a pod that its containers share, in the engine's words. Pure. */
export function sandboxOf({ hostName, tenant, spec, ports }: PodRecord): SandboxSpec {
  return {
    name: hostName,
    hostname: spec.hostname,
    sharePid: spec.sharePid,
    network: spec.network === 'none' ? null : tenantNetwork(tenant),
    ports: ports.map(({ proto, containerPort, hostPort, hostIp }) => ({
      ...{ proto, containerPort, hostPort, hostIp },
    })),
    nameservers: spec.nameservers,
    searches: spec.searches,
    limits: spec.limits,
    volumes: spec.volumes,
  };
}

/** A container in the engine's words. Pure. */
export function containerOf(
  { spec }: PodRecord,
  container: ContainerSpec,
  imageId: string,
): PodContainerSpec {
  const { name, command, args, env, workingDir, user, mounts, limits, init } = container;
  const { readOnlyRoot, addCapabilities, dropCapabilities } = container;
  return {
    ...{ name, imageId, env, mounts, limits, readOnlyRoot, addCapabilities, dropCapabilities },
    ...(command.length > 0 ? { entrypoint: command } : {}),
    ...(args.length > 0 ? { command: args } : {}),
    ...(workingDir === '' ? {} : { workingDir }),
    ...(user === '' ? {} : { user }),
    // One that runs to its end has had its turn.
    restart: init ? 'no' : spec.restart,
    stopSeconds: Math.ceil(spec.graceMs / 1000),
  };
}
