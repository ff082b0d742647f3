import { type AppPort, LProto } from '@edgeplane/proto/dme/appcommon.js';
import type { WorkloadLimits } from '../../engines/podman/index.js';
import type { AppInstRequest } from '../driver.js';
import { planContainers } from '../local/container-plan.js';
import { servedPorts, splitManifest } from './replicas.js';

/** A public port, or a path on one, and the port of the containers behind it. */
export interface PublicPort {
  readonly proto: 'tcp' | 'udp' | 'http';
  readonly publicPort: number;
  readonly pathPrefix: string;
  readonly containerPort: number;
}

interface PlanBase {
  /** Names its workloads and public ports. */
  readonly name: string;
  /** Of one replica. */
  readonly limits: WorkloadLimits;
  readonly labels: Readonly<Record<string, string>>;
  /** As the App names them; not yet looked for. */
  readonly images: readonly string[];
  readonly ports: readonly PublicPort[];
}

/** What a docker or kubernetes AppInst is to be in a cluster. Plain data. */
export type AppPlan =
  | (PlanBase & {
      readonly type: 'container';
      readonly command: readonly string[];
      readonly env: Readonly<Record<string, string>>;
    })
  | (PlanBase & {
      readonly type: 'kube';
      readonly replicas: readonly {
        readonly yaml: string;
        /** For each port whether this replica serves it. */
        readonly serves: readonly boolean[];
      }[];
    });

const PROTOCOLS: ReadonlyMap<LProto, PublicPort['proto']> = new Map([
  [LProto.L_PROTO_TCP, 'tcp'],
  [LProto.L_PROTO_UDP, 'udp'],
  [LProto.L_PROTO_HTTP, 'http'],
] as const);

/**
 * The workload of an AppInst: for deployment `docker` one container, for `kubernetes` the replicas of its manifest, each
 * with the flavor's memory (MB) and CPUs.
 * @throws EdgeplaneError naming what of the App, manifest or flavor cannot be.
 */
export function planApp(request: AppInstRequest, clusterKeyJson: string, cloudletKeyJson: string): AppPlan {
  const plan = planContainers(request, clusterKeyJson, {
    publicAddr: '',
    cloudletKeyJson,
    innerPorts: new Map(),
    devices: [],
  });
  const { name, limits, labels, images } = plan;
  const base = { name, limits, labels, images, ports: publicPorts(request.appInst.mappedPorts) };
  if (plan.type === 'container') return { ...base, type: 'container', command: plan.command, env: plan.env };
  const texts = splitManifest(plan.yaml);
  const served = servedPorts(
    texts,
    base.ports.map((port) => mapping(port, 0)),
  );
  const replicas = texts.map((yaml, i) => ({ yaml, serves: served[i] ?? [] }));
  return { ...base, type: 'kube', replicas };
}

export const replicaCount = (plan: AppPlan): number => (plan.type === 'kube' ? plan.replicas.length : 1);

/** How podman is asked to publish a port. */
export function mapping({ proto, containerPort }: PublicPort, hostPort: number) {
  return { proto: proto === 'udp' ? ('udp' as const) : ('tcp' as const), hostPort, containerPort };
}

/** Ports without a public one are for the App itself; paths share the site's port for HTTP. */
function publicPorts(ports: readonly AppPort[]): PublicPort[] {
  return ports.flatMap(({ proto, publicPort, internalPort, pathPrefix }) => {
    const name = PROTOCOLS.get(proto);
    if (name === undefined || publicPort === 0) return [];
    return [{ proto: name, publicPort, pathPrefix, containerPort: internalPort }];
  });
}
