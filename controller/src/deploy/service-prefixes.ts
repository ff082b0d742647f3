import { LProto } from '@edgeplane/proto/dme/appcommon.js';
import { parseAllDocuments } from 'yaml';
import { protoName } from './access-ports.js';

interface ServicePort {
  readonly service: string;
  readonly protocol: string;
  readonly target: number;
}

/**
 * Finds the Kubernetes Service that serves a port of an App (controller spec section 14.3); its name with a dot is the
 * prefix of the port's FQDN. HTTP ports are reached by path and have none. Documents that are no Service, or cannot be
 * read, are passed over.
 */
export function servicePrefixes(manifest: string): (proto: LProto, internalPort: number) => string {
  const ports = servicePorts(manifest);
  return (proto, internalPort) => {
    if (proto === LProto.L_PROTO_HTTP) return '';
    const found = ports.find((p) => p.protocol === protoName(proto) && p.target === internalPort);
    return found ? `${found.service}.` : '';
  };
}

function servicePorts(manifest: string): ServicePort[] {
  const documents = parseAllDocuments(manifest);
  if (!Array.isArray(documents)) return [];
  return documents.flatMap((document) => {
    if (document.errors.length > 0) return [];
    const object = asRecord(safely(() => document.toJS({ maxAliasCount: 100 })));
    const service = asRecord(object['metadata'])['name'];
    const ports = asRecord(object['spec'])['ports'];
    if (object['kind'] !== 'Service' || typeof service !== 'string' || !Array.isArray(ports)) return [];
    return ports.map((entry) => {
      const port = asRecord(entry);
      const protocol = typeof port['protocol'] === 'string' ? port['protocol'] : 'TCP';
      const target = port['targetPort'] ?? port['port'];
      return {
        service,
        protocol: protocol.toLowerCase(),
        target: typeof target === 'number' ? target : Number.NaN,
      };
    });
  });
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function safely(read: () => unknown): unknown {
  try {
    return read();
  } catch {
    return undefined;
  }
}
