import { LProto } from '@edgeplane/proto/dme/appcommon.js';
import { protoName } from './access-ports.js';
import { asNode, type ManifestNode, manifestObjects, nodeAt, nodesAt } from './manifest.js';

interface ServicePort {
  readonly service: string;
  readonly protocol: string;
  readonly target: number;
}

/**
 * Finds the Kubernetes Service that serves a port of an App (controller spec section 14.3); its name with a dot is the
 * prefix of the port's FQDN. Services of every type count, the first of the manifests first. HTTP ports are reached by
 * path and have none. Objects of other kinds, and documents that cannot be read, are passed over.
 */
export function servicePrefixes(
  manifests: readonly string[],
): (proto: LProto, internalPort: number) => string {
  const ports = servicePorts(manifests.flatMap(manifestObjects));
  return (proto, internalPort) => {
    if (proto === LProto.L_PROTO_HTTP) return '';
    const found = ports.find((p) => p.protocol === protoName(proto) && p.target === internalPort);
    return found ? `${found.service}.` : '';
  };
}

function servicePorts(objects: readonly ManifestNode[]): ServicePort[] {
  const named = namedPorts(objects);
  return objects.flatMap((object) => {
    const service = nodeAt(object, 'metadata')['name'];
    if (object['kind'] !== 'Service' || typeof service !== 'string') return [];
    return nodesAt(nodeAt(object, 'spec'), 'ports').map((port) => {
      // Kubernetes' own defaults.
      const protocol = protocolOf(port);
      const target = port['targetPort'] ?? port['port'];
      const number = typeof target === 'string' ? named.get(`${protocol} ${target}`) : target;
      return { service, protocol, target: typeof number === 'number' ? number : Number.NaN };
    });
  });
}

/** Ports that containers give a name, by protocol and name: a Service may refer to them so. */
function namedPorts(objects: readonly ManifestNode[]): ReadonlyMap<string, unknown> {
  const ports = objects
    .map((object) => nodeAt(object, 'spec'))
    .flatMap((spec) => [spec, nodeAt(spec, 'template', 'spec')])
    .flatMap((pod) => nodesAt(pod, 'containers'))
    .flatMap((container) => nodesAt(asNode(container), 'ports'));
  return new Map(ports.map((port) => [`${protocolOf(port)} ${port['name']}`, port['containerPort']]));
}

function protocolOf(port: ManifestNode): string {
  const { protocol } = port;
  return typeof protocol === 'string' ? protocol.toLowerCase() : 'tcp';
}
