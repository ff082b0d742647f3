import { fail, isKind } from '@edgeplane/base';
import { type AppPlan, replicaCount } from './app-plan.js';
import { clusterErrors } from './errors.js';
import { roomOf } from './node-plan.js';
import type { AppRecord, NodeRecord, ReplicaRecord } from './records.js';
import { placeReplicas } from './scheduler.js';

/** Ports of nodes that lead to replicas: below what the kernel gives to programs that do not care. */
const FIRST_PORT = 20_000;
const LAST_PORT = 29_999;

export interface PlacementInput {
  readonly plan: AppPlan;
  /** Replicas that stay where they are. */
  readonly kept: readonly ReplicaRecord[];
  /** All instances of the cluster but this one. */
  readonly others: readonly AppRecord[];
  /** Those that may be chosen. */
  readonly nodes: readonly NodeRecord[];
  /** Nodes that get something only when the rest has no room. */
  readonly avoid: ReadonlySet<string>;
}

/**
 * Where each replica of an instance runs, and by which ports of the node it is reached. Pure.
 * @throws NO_ROOM, NO_PORTS
 */
export function placeApp(input: PlacementInput): readonly ReplicaRecord[] {
  const { nodes, avoid } = input;
  const preferred = nodes.filter(({ name }) => !avoid.has(name));
  try {
    return placeOn(input, preferred);
  } catch (error) {
    if (!isKind(error, clusterErrors.NO_ROOM) || preferred.length === nodes.length) throw error;
    return placeOn(input, nodes);
  }
}

function placeOn({ plan, kept, others }: PlacementInput, nodes: readonly NodeRecord[]): ReplicaRecord[] {
  const { memoryMB } = plan.limits;
  const placed = [
    ...others.flatMap((app) =>
      app.replicas.map(({ node }) => ({ app: app.plan.name, node, memoryMB: app.plan.limits.memoryMB })),
    ),
    ...kept.map(({ node }) => ({ app: plan.name, node, memoryMB })),
  ];
  const have = new Set(kept.map(({ index }) => index));
  const missing = Array.from({ length: replicaCount(plan) }, (_, i) => i).filter((i) => !have.has(i));
  const rooms = nodes.map(({ name, size }) => ({ name, memoryMB: roomOf(size) }));
  const chosen = placeReplicas({ app: plan.name, memoryMB, replicas: missing }, rooms, placed);
  const used = new Map<string, Set<number>>();
  const portsOn = (node: string) => {
    const ports = used.get(node) ?? new Set<number>();
    used.set(node, ports);
    return ports;
  };
  for (const { node, nodePorts } of [...others.flatMap((app) => app.replicas), ...kept])
    for (const port of nodePorts) portsOn(node).add(port);
  const fresh = [...chosen].map(([index, node]) => ({
    index,
    node,
    nodePorts: plan.ports.map((_, p) =>
      serves(plan, index, p) ? freePort(portsOn(node), node, plan.name) : 0,
    ),
  }));
  return [...kept, ...fresh].sort((a, b) => a.index - b.index);
}

export const serves = (plan: AppPlan, index: number, port: number): boolean =>
  plan.type === 'container' || (plan.replicas[index]?.serves[port] ?? false);

function freePort(used: Set<number>, node: string, app: string): number {
  for (let port = FIRST_PORT; port <= LAST_PORT; port++) {
    if (used.has(port)) continue;
    used.add(port);
    return port;
  }
  throw fail(clusterErrors.NO_PORTS, { node, app });
}
