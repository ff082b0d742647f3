import { isIP } from 'node:net';
import { fail } from '@edgeplane/base';
import { canonicalAddress, type HostSocket } from '../process/index.js';
import { nginxErrors } from './errors.js';

export interface Backend {
  /** IPv4 or IPv6 address; never a name, as nginx would look it up once and for all. */
  readonly address: string;
  readonly port: number;
}

/** A public port, or for `http` a path on one, and where it leads. Plain data. */
export interface PublicService {
  /** Unique; any text. */
  readonly name: string;
  readonly proto: 'tcp' | 'udp' | 'http';
  /** IPv4 or IPv6 address to listen on. */
  readonly address: string;
  readonly port: number;
  /** For `http`: what is before the backend's own paths, such as `dev/app10/p80`; empty for all paths. */
  readonly pathPrefix: string;
  /** In any order. With none, connections are refused and a path answers 503. */
  readonly backends: readonly Backend[];
}

export type Listener = HostSocket;

const ANY = new Set(['0.0.0.0', '::']);

/** Segments of unreserved characters (RFC 3986): nothing that nginx, or a reader of its configuration, takes for more. */
const PATH = /^[-A-Za-z0-9._~]+(\/[-A-Za-z0-9._~]+)*$/;

/** The service with its addresses written in the one way. @throws BAD_SERVICE naming the field. */
export function checkService(service: PublicService): PublicService {
  const { name, proto, address, port, pathPrefix, backends } = service;
  const refuse = (field: string, rule: string, value: unknown) =>
    fail(nginxErrors.BAD_SERVICE, { name, field, rule, value: String(value) });
  const isPort = (value: number) => Number.isInteger(value) && value > 0 && value < 65536;
  if (name === '') throw refuse('name', 'must not be empty', name);
  if (!['tcp', 'udp', 'http'].includes(proto)) throw refuse('proto', 'must be one of tcp, udp, http', proto);
  if (!isAddress(address)) throw refuse('address', 'must be an IP address', address);
  if (!isPort(port)) throw refuse('port', 'must be from 1 to 65535', port);
  if (proto !== 'http' && pathPrefix !== '') throw refuse('path prefix', 'is for http only', pathPrefix);
  if (pathPrefix !== '' && (!PATH.test(pathPrefix) || pathPrefix.split('/').some((s) => /^\.\.?$/.test(s))))
    throw refuse('path prefix', 'must be words of A-Z a-z 0-9 - . _ ~ joined by slashes', pathPrefix);
  for (const backend of backends) {
    if (!isAddress(backend.address)) throw refuse('backend', 'must have an IP address', backend.address);
    if (!isPort(backend.port)) throw refuse('backend port', 'must be from 1 to 65535', backend.port);
  }
  return {
    ...{ name, proto, pathPrefix, port },
    address: canonicalAddress(address),
    backends: backends.map((backend) => ({
      address: canonicalAddress(backend.address),
      port: backend.port,
    })),
  };
}

/** Addresses of an interface, as `fe80::1%eth0`, mean something to one host only. */
function isAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%');
}

/** The port of the host that it is for. */
export function portOf({ proto, address, port }: PublicService): Listener {
  return { layer: proto === 'udp' ? 'udp' : 'tcp', address, port };
}

/** What a service listens on; nothing when it leads nowhere, except that a path shares its port with others. */
export function listenerOf(service: PublicService): Listener | undefined {
  return service.proto === 'http' || service.backends.length > 0 ? portOf(service) : undefined;
}

/** `tcp 10.0.0.1:80`, also for people. */
export function listenerText({ layer, address, port }: Listener): string {
  return `${layer} ${addressText(address, port)}`;
}

/** Address and port as URLs and nginx write them. */
export function addressText(address: string, port: number): string {
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Another service that has the port, or the path on it, already; ports count as taken with no backend too. */
export function conflictOf(
  service: PublicService,
  others: Iterable<PublicService>,
): PublicService | undefined {
  for (const other of others) {
    if (other.name === service.name || other.port !== service.port) continue;
    if ((other.proto === 'udp') !== (service.proto === 'udp')) continue;
    if (!overlap(other.address, service.address)) continue;
    const sharable = other.proto === 'http' && service.proto === 'http' && other.address === service.address;
    if (!sharable || other.pathPrefix === service.pathPrefix) return other;
  }
  return undefined;
}

function overlap(a: string, b: string): boolean {
  if (a === b) return true;
  return isIP(a) === isIP(b) && (ANY.has(a) || ANY.has(b));
}

/** Reads services from parsed JSON. @throws when one of them is not one. */
export function toServices(json: unknown): readonly PublicService[] {
  if (!Array.isArray(json)) throw new Error('not a list of public ports');
  return json.map((item: unknown) => {
    const service = item as PublicService;
    if (typeof service !== 'object' || service === null || !Array.isArray(service.backends))
      throw new Error(`not a public port: ${JSON.stringify(item)}`);
    return checkService(service);
  });
}
