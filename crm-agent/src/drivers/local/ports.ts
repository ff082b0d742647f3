import { type AppPort, LProto } from '@edgeplane/proto/dme/appcommon.js';

/** One port of the host that leads to the workload. */
export interface PublishedPort {
  readonly proto: 'tcp' | 'udp';
  readonly hostAddr: string;
  readonly hostPort: number;
  readonly guestPort: number;
}

export interface PortPlan {
  readonly published: readonly PublishedPort[];
  /** Ports that clients reach by path on the shared L7 port, which needs a load balancer in front. */
  readonly byPath: readonly AppPort[];
}

/**
 * What of AppInst.mapped_ports is opened on the host: each TCP and UDP port that was given a public port. HTTP ports
 * share one public port and are told apart by path, so the driver leaves them to the L7 load balancer.
 */
export function planPorts(ports: readonly AppPort[], hostAddr: string): PortPlan {
  const published: PublishedPort[] = [];
  for (const { proto, publicPort: hostPort, internalPort: guestPort } of ports) {
    if (hostPort === 0) continue;
    if (proto === LProto.L_PROTO_TCP) published.push({ proto: 'tcp', hostAddr, hostPort, guestPort });
    if (proto === LProto.L_PROTO_UDP) published.push({ proto: 'udp', hostAddr, hostPort, guestPort });
  }
  return { published, byPath: ports.filter((p) => p.proto === LProto.L_PROTO_HTTP) };
}
