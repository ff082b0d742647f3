import { fail } from '@edgeplane/base';
import type { RecordStore } from '../../records.js';
import type { NodeLink } from './engines.js';
import { clusterErrors } from './errors.js';
import type { ClusterNodes } from './nodes.js';
import type { AppRecord, ClusterRecord, NodeRecord, ReplicaRecord } from './records.js';

/** Where a replica is. */
export interface Place {
  readonly cluster: ClusterRecord;
  readonly node: NodeRecord;
  readonly link: NodeLink;
}

export interface Known {
  readonly clusters: RecordStore<ClusterRecord>;
  readonly nodes: ClusterNodes;
}

/** Undefined when the cluster, or the node in it, is no more. */
export function placeOf(known: Known, app: AppRecord, replica: ReplicaRecord): Place | undefined {
  const cluster = known.clusters.get(app.cluster);
  const node = cluster?.nodes.find(({ name }) => name === replica.node);
  return cluster && node && { cluster, node, link: known.nodes.link(cluster, node) };
}

/** @throws NODE_DOWN at once, rather than after a wait, unless the caller waits for the node anyhow */
export function reachable(
  known: Known,
  app: AppRecord,
  replica: ReplicaRecord,
  patience: 'is up' | 'may be coming' = 'is up',
): Place {
  const place = placeOf(known, app, replica);
  if (!place || (patience === 'is up' && known.nodes.isDown(app.cluster, replica.node)))
    throw fail(clusterErrors.NODE_DOWN, { node: replica.node });
  return place;
}
