import { badManifest, type Node, nodeAt, nodesAt, textAt } from './manifest.js';
import type { KubeSpec, PortMapping } from './spec.js';

/**
 * Gives the wanted host ports to containers, and takes away any the manifest claimed for itself.
 *
 * Podman runs no Services, but clients think in their ports: a wanted `containerPort` that is the port of a Service
 * means its target port. Then the container that declares the port gets it; one that none declares goes to the only
 * container there is, or is refused, because a guess would publish the wrong program.
 */
export function publishPorts(spec: KubeSpec, pods: readonly Node[], services: readonly Node[]): void {
  const containers = pods.flatMap((pod) => nodesAt(nodeAt(pod, 'spec'), 'containers'));
  for (const port of containers.flatMap((c) => nodesAt(c, 'ports'))) {
    delete port['hostPort'];
    delete port['hostIP'];
  }
  for (const wanted of spec.ports ?? []) publish(spec.name, wanted, containers, services);
  // Podman would publish the rest too, each on its own number and on every address of the host.
  for (const container of containers)
    if (Array.isArray(container['ports']))
      container['ports'] = nodesAt(container, 'ports').filter((port) => port['hostPort'] !== undefined);
}

function publish(
  name: string,
  wanted: PortMapping,
  containers: readonly Node[],
  services: readonly Node[],
): void {
  const target = targetOf(wanted, services);
  const declares = (port: Node) =>
    protocolOf(port) === wanted.proto &&
    (port['containerPort'] === target || textAt(port, 'name') === target);
  const owner =
    containers.find((c) => nodesAt(c, 'ports').some(declares)) ??
    (containers.length === 1 ? containers[0] : undefined);
  const declared = owner && nodesAt(owner, 'ports').find(declares);
  const containerPort = declared?.['containerPort'] ?? target;
  if (!owner || typeof containerPort !== 'number') {
    throw badManifest(name, 'one container must declare each published port', `${wanted.proto}:${target}`);
  }
  const host = {
    hostPort: wanted.hostPort,
    ...(wanted.hostIp === undefined ? {} : { hostIP: wanted.hostIp }),
  };
  if (declared && declared['hostPort'] === undefined) Object.assign(declared, host);
  else {
    const ports = Array.isArray(owner['ports']) ? owner['ports'] : [];
    owner['ports'] = [...ports, { containerPort, protocol: wanted.proto.toUpperCase(), ...host }];
  }
}

const protocolOf = (port: Node): string => (textAt(port, 'protocol') ?? 'TCP').toLowerCase();

/** The port number, or port name, behind a Service port; the port itself when no Service has it. */
function targetOf(wanted: PortMapping, services: readonly Node[]): number | string {
  for (const service of services) {
    for (const port of nodesAt(nodeAt(service, 'spec'), 'ports')) {
      if (port['port'] !== wanted.containerPort || protocolOf(port) !== wanted.proto) continue;
      const target = port['targetPort'];
      if (typeof target === 'number') return target;
      if (typeof target === 'string') return /^\d+$/.test(target) ? Number(target) : target;
    }
  }
  return wanted.containerPort;
}
