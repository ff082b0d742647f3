import { type AppPort, LProto } from '@edgeplane/proto/dme/appcommon.js';
import { INNER_ADDRESS, type InnerPorts } from '../inner-ports.js';
import type { InstancePort } from '../public-ports.js';

/** One port of the host that leads to the workload: a public one, or one for the load balancer. */
export interface PublishedPort {
  readonly proto: 'tcp' | 'udp';
  readonly hostAddr: string;
  readonly hostPort: number;
  readonly guestPort: number;
}

export interface PortPlan {
  readonly published: readonly PublishedPort[];
  /** What the load balancer is to serve. */
  readonly balanced: readonly InstancePort[];
}

/** Ports that clients reach by path on one public port, for which they need a load balancer in front. */
export function httpPorts(ports: readonly AppPort[]): readonly AppPort[] {
  return ports.filter(({ proto, publicPort }) => proto === LProto.L_PROTO_HTTP && publicPort !== 0);
}

/**
 * How AppInst.mapped_ports are opened: each TCP and UDP port that was given a public port is so on the host itself; HTTP
 * ports share one public port and are told apart by path, so they are reached through the load balancer.
 * @param inner by port of the workload, where the load balancer finds its HTTP ports
 */
export function planPorts(ports: readonly AppPort[], hostAddr: string, inner: InnerPorts): PortPlan {
  const published: PublishedPort[] = [];
  const balanced: InstancePort[] = [];
  for (const { proto, publicPort: hostPort, internalPort: guestPort } of ports) {
    if (hostPort === 0) continue;
    if (proto === LProto.L_PROTO_TCP) published.push({ proto: 'tcp', hostAddr, hostPort, guestPort });
    if (proto === LProto.L_PROTO_UDP) published.push({ proto: 'udp', hostAddr, hostPort, guestPort });
  }
  for (const { internalPort: guestPort, publicPort, pathPrefix } of httpPorts(ports)) {
    const hostPort = inner.get(guestPort);
    if (hostPort === undefined) continue;
    published.push({ proto: 'tcp', hostAddr: INNER_ADDRESS, hostPort, guestPort });
    balanced.push({
      ...{ proto: 'http', address: hostAddr, port: publicPort, pathPrefix },
      backends: [{ address: INNER_ADDRESS, port: hostPort }],
    });
  }
  return { published, balanced };
}
