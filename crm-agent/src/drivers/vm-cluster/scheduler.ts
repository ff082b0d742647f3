import { fail } from '@edgeplane/base';
import { clusterErrors } from './errors.js';

/** A node that may take replicas. */
export interface NodeRoom {
  readonly name: string;
  /** Memory for workloads, MB. */
  readonly memoryMB: number;
}

/** A replica and where it is. */
export interface Placed {
  /** The workload it is a replica of. */
  readonly app: string;
  readonly node: string;
  readonly memoryMB: number;
}

/** Replicas of one workload that want a node. */
export interface Wanted {
  readonly app: string;
  readonly memoryMB: number;
  /** Numbers of the replicas. */
  readonly replicas: readonly number[];
}

/**
 * Gives each wanted replica a node: of those with room the one with fewest replicas of the same workload, then the one
 * with most memory left, then the first by name. Pure; the same input gives the same answer.
 * @throws NO_ROOM saying what each node has left; then nothing is placed
 */
export function placeReplicas(
  wanted: Wanted,
  nodes: readonly NodeRoom[],
  placed: readonly Placed[],
): ReadonlyMap<number, string> {
  const free = new Map(nodes.map(({ name, memoryMB }) => [name, memoryMB]));
  const siblings = new Map<string, number>();
  for (const { app, node, memoryMB } of placed) {
    const left = free.get(node);
    if (left === undefined) continue;
    free.set(node, left - memoryMB);
    if (app === wanted.app) siblings.set(node, (siblings.get(node) ?? 0) + 1);
  }
  const chosen = new Map<number, string>();
  for (const replica of [...wanted.replicas].sort((a, b) => a - b)) {
    const [best] = [...free]
      .filter(([, left]) => left >= wanted.memoryMB)
      .sort(
        ([a, leftA], [b, leftB]) =>
          (siblings.get(a) ?? 0) - (siblings.get(b) ?? 0) || leftB - leftA || (a < b ? -1 : 1),
      );
    if (!best) throw noRoom(wanted, replica, free);
    const [node, left] = best;
    free.set(node, left - wanted.memoryMB);
    siblings.set(node, (siblings.get(node) ?? 0) + 1);
    chosen.set(replica, node);
  }
  return chosen;
}

function noRoom(wanted: Wanted, replica: number, free: ReadonlyMap<string, number>): Error {
  const text = [...free].map(([node, left]) => `${Math.max(0, left)} MB on ${node}`).join(', ');
  return fail(clusterErrors.NO_ROOM, {
    ...{ replica: replica + 1, app: wanted.app, need: wanted.memoryMB },
    free: text || 'nothing, as no node is up',
  });
}
