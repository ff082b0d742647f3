import { fail } from '@edgeplane/base';
import { type AppPort, LProto } from '@edgeplane/proto/dme/appcommon.js';
import { controllerErrors } from '../errors.js';

/** Public port of HTTP, which is shared by path. */
export const HTTP_PORT = 443;
/** Ports never given to TCP or UDP on the shared load balancer: ssh, and HTTP's. */
const RESERVED: ReadonlySet<number> = new Set([22, HTTP_PORT]);
/** Where a port is looked for when the App's own is taken. */
export const POOL = { first: 10_000, last: 64_999 } as const;

/** Ports of a shared load balancer: port to protocol bits, as in CloudletRefs. */
export type PortUse = Readonly<Record<number, number>>;

/** Bit of a protocol: TCP and HTTP 1, UDP 2. @throws EdgeplaneError UNKNOWN_PROTOCOL */
export function protocolBit(proto: LProto): number {
  switch (proto) {
    case LProto.L_PROTO_TCP:
    case LProto.L_PROTO_HTTP:
      return 1;
    case LProto.L_PROTO_UDP:
      return 2;
    default:
      throw fail(controllerErrors.UNKNOWN_PROTOCOL);
  }
}

/**
 * Reserves a public port (controller spec section 14.3): the internal port's number if it is free for this protocol,
 * else the lowest free one of the pool. A TCP and a UDP user may share a number.
 * @throws EdgeplaneError NO_FREE_PORTS, UNKNOWN_PROTOCOL
 */
export function reservePort(
  use: PortUse,
  proto: LProto,
  internalPort: number,
): { readonly use: PortUse; readonly publicPort: number } {
  const bit = protocolBit(proto);
  const free = (port: number) => ((use[port] ?? 0) & bit) === 0;
  let chosen: number | undefined;
  if (!RESERVED.has(internalPort) && free(internalPort)) chosen = internalPort;
  for (let port: number = POOL.first; chosen === undefined && port <= POOL.last; port++) {
    if (free(port)) chosen = port;
  }
  if (chosen === undefined) throw fail(controllerErrors.NO_FREE_PORTS);
  return { use: { ...use, [chosen]: (use[chosen] ?? 0) | bit }, publicPort: chosen };
}

/** Counts ports that an instance has, as {@link reservePort} did when it gave them. */
export function takePorts(use: PortUse, ports: readonly AppPort[]): PortUse {
  const out: Record<number, number> = { ...use };
  for (const { proto, publicPort } of ports.filter(isReserved)) {
    out[publicPort] = (out[publicPort] ?? 0) | protocolBit(proto);
  }
  return out;
}

/** Gives back the reserved ports of an instance that was on the shared load balancer. */
export function releasePorts(use: PortUse, ports: readonly AppPort[]): PortUse {
  const out: Record<number, number> = { ...use };
  for (const { proto, publicPort } of ports.filter(isReserved)) {
    const left = (out[publicPort] ?? 0) & ~protocolBit(proto);
    if (left === 0) delete out[publicPort];
    else out[publicPort] = left;
  }
  return out;
}

/** HTTP ports share one public port, which nobody reserves. */
function isReserved({ proto }: AppPort): boolean {
  return proto === LProto.L_PROTO_TCP || proto === LProto.L_PROTO_UDP;
}
