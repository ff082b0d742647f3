import { fail } from '@edgeplane/base';
import { portTaken } from '../process/index.js';
import type { ContainerListed } from './api-types.js';
import { podmanErrors } from './errors.js';
import type { PortMapping } from './spec.js';

export type HostPort = Pick<PortMapping, 'proto' | 'hostIp' | 'hostPort'>;

/**
 * Refuses host ports somebody listens on, naming the first. Podman finds out too, but only after netavark has written
 * its rules, and taking those back removes rules that the holder of the port shares: a failed start would cut off
 * a workload that has nothing to do with it. Each published port of a running container is held open by its conmon, so a bind tells.
 */
export async function refuseTakenPorts(name: string, ports: readonly HostPort[]): Promise<void> {
  for (const { proto: layer, hostIp, hostPort: port } of ports) {
    const reason = await portTaken({ layer, address: hostIp || '0.0.0.0', port });
    if (reason !== undefined) throw fail(podmanErrors.PODMAN_PORT_IN_USE, { port, name, reason });
  }
}

/** Host ports of existing containers, each once: all containers of a pod list the pod's. */
export function hostPortsOf(listed: readonly ContainerListed[]): HostPort[] {
  const ports = new Map<string, HostPort>();
  for (const entry of listed.flatMap((container) => container.Ports ?? [])) {
    for (let i = 0; i < Math.max(1, entry.range ?? 1); i++) {
      const proto = entry.protocol === 'udp' ? 'udp' : 'tcp';
      const port: HostPort = { proto, hostIp: entry.host_ip ?? '', hostPort: entry.host_port + i };
      if (entry.host_port > 0) ports.set(`${proto} ${port.hostIp} ${port.hostPort}`, port);
    }
  }
  return [...ports.values()];
}

/** Keys under which starts that want the same port wait for each other, in one order everywhere. */
export function portKeys(ports: readonly HostPort[]): string[] {
  return [...new Set(ports.map((port) => `port ${port.proto} ${port.hostPort}`))].sort();
}
