import { isIP } from 'node:net';
import { type AppPort, LProto } from '@edgeplane/proto/dme/appcommon.js';
import type { InstancePort } from '../public-ports.js';

/** A port that clients are promised. Plain JSON. */
export interface WantedPort {
  readonly proto: InstancePort['proto'];
  readonly publicPort: number;
  readonly internalPort: number;
  readonly pathPrefix: string;
}

/** How a machine can be reached: at addresses of its own, or by ports of somebody else that lead to it. */
export interface Reach {
  readonly addresses: readonly string[];
  /** By `tcp/8080`: `host:port`. */
  readonly forwards: ReadonlyMap<string, string>;
}

const PROTOS: ReadonlyMap<LProto, InstancePort['proto']> = new Map([
  [LProto.L_PROTO_TCP, 'tcp'],
  [LProto.L_PROTO_UDP, 'udp'],
  [LProto.L_PROTO_HTTP, 'http'],
]);

export function wantedPorts(ports: readonly AppPort[]): readonly WantedPort[] {
  return ports.flatMap(({ proto, publicPort, internalPort, pathPrefix }) => {
    const known = PROTOS.get(proto);
    if (known === undefined || publicPort === 0) return [];
    return [{ proto: known, publicPort, internalPort, pathPrefix: known === 'http' ? pathPrefix : '' }];
  });
}

/** `tcp/8080`: a port of the machine, as a forward names it. */
export const forwardKey = ({ proto, internalPort }: WantedPort): string =>
  `${proto === 'udp' ? 'udp' : 'tcp'}/${internalPort}`;

/** What the load balancer is to serve; undefined when one of the ports leads nowhere. */
export function balancedPorts(
  ports: readonly WantedPort[],
  publicAddr: string,
  { addresses, forwards }: Reach,
): readonly InstancePort[] | undefined {
  const own = addresses.find((text) => isIP(text) === 4) ?? addresses.find((text) => isIP(text) === 6);
  const found = ports.map((wanted): InstancePort | undefined => {
    const { proto, publicPort, internalPort, pathPrefix } = wanted;
    const direct = own === undefined ? undefined : { address: own, port: internalPort };
    const backend = socketOf(forwards.get(forwardKey(wanted)) ?? '') ?? direct;
    return backend && { proto, address: publicAddr, port: publicPort, pathPrefix, backends: [backend] };
  });
  return found.every((port) => port !== undefined) ? found : undefined;
}

function socketOf(text: string): { readonly address: string; readonly port: number } | undefined {
  const [, address = '', port] = /^\[?([0-9a-fA-F.:]+?)\]?:(\d{1,5})$/.exec(text) ?? [];
  return isIP(address) === 0 ? undefined : { address, port: Number(port) };
}
