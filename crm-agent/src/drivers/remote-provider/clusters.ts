import { fail } from '@edgeplane/base';
import type { RecordStore } from '../../records.js';
import type { ClusterInstRequest, Operation } from '../driver.js';
import { localErrors } from '../local/errors.js';
import type { RemoteInstances } from '../remote/instances.js';
import { wantedNodes } from '../vm-cluster/node-plan.js';
import { type MachinePlan, type PlanSettings, planNode } from './machine-plan.js';
import type { ClusterRecord } from './records.js';

export interface ClustersOptions {
  readonly clusters: RecordStore<ClusterRecord>;
  readonly instances: RemoteInstances<MachinePlan>;
  readonly plan: PlanSettings;
}

/** ClusterInsts whose nodes are machines at the provider; without an image for nodes they are nothing but records. */
export class RemoteClusters {
  readonly #o: ClustersOptions;

  constructor(options: ClustersOptions) {
    this.#o = options;
  }

  /** Makes the cluster have its nodes and no others. */
  async ensure(request: ClusterInstRequest, operation: Operation): Promise<void> {
    const { clusters, instances, plan: settings } = this.#o;
    const { keyJson, clusterInst, flavor } = request;
    const wanted = settings.nodeImage === '' ? [] : wantedNodes(clusterInst);
    const known = clusters.get(keyJson)?.nodes ?? [];
    await clusters.put({ keyJson, state: 'creating', nodes: [...new Set([...known, ...wanted])] });
    operation.progress(wanted.length === 0 ? 'nothing is to be made' : `making ${wanted.length} nodes`);
    operation.signal.throwIfAborted();
    await all(
      wanted.map(async (node) => {
        const name = clusterInst.flavor?.name ?? '';
        if (!flavor) throw fail(localErrors.NO_FLAVOR, { name, what: 'vcpus' });
        const plan = planNode({ keyJson, clusterInst, flavor }, node, settings);
        await instances.ensureMachine({ keyJson: nodeKey(keyJson, node), owner: keyJson }, plan, operation);
      }),
    );
    const leaving = known.filter((node) => !wanted.includes(node));
    await all(leaving.map((node) => instances.removeMachine(nodeKey(keyJson, node), operation)));
    await clusters.put({ keyJson, state: 'ready', nodes: wanted });
    for (const node of wanted) instances.keep(nodeKey(keyJson, node));
  }

  async remove(keyJson: string, operation: Operation): Promise<void> {
    const { clusters, instances } = this.#o;
    const record = clusters.get(keyJson);
    if (!record) return;
    await clusters.put({ ...record, state: 'deleting' });
    operation.signal.throwIfAborted();
    await all(record.nodes.map((node) => instances.removeMachine(nodeKey(keyJson, node), operation)));
    instances.forget(keyJson);
    await clusters.delete(keyJson);
  }
}

/** What the record of a node's machine is called. */
export const nodeKey = (cluster: string, node: string): string => `${cluster} ${node}`;

/** Waits for the end of all, so that nothing goes on when it fails. */
async function all(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((end) => end.status === 'rejected');
  if (failed) throw failed.reason;
}
