import type { Clock, Logger } from '@edgeplane/base';
import { messageOf } from '@edgeplane/base';
import { newKeyPair } from '../../engines/ssh/index.js';
import { hostName, shortHash } from '../../host-names.js';
import type { RecordStore } from '../../records.js';
import { hostTurn } from '../../site/host-turn.js';
import type { ClusterInstRequest, InstanceState, Operation } from '../driver.js';
import type { ClusterApps } from './apps.js';
import type { ClusterEngines } from './engines.js';
import type { NodeKeeper } from './keeper.js';
import { nodeSize, planNodes, wantedNodes } from './node-plan.js';
import type { ClusterNodes } from './nodes.js';
import type { ClusterRecord } from './records.js';

/** Held while an agent of this host takes a subnet: two at once would take the same. */
const CHOOSING = '/run/edgeplane/subnets';

export interface ClustersOptions {
  readonly engines: ClusterEngines;
  readonly clusters: RecordStore<ClusterRecord>;
  readonly nodes: ClusterNodes;
  readonly apps: ClusterApps;
  readonly keeper: NodeKeeper;
  readonly publicAddr: string;
  /** Folder of the image that new nodes are made from. */
  readonly image: () => Promise<string>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Makes, scales and removes clusters. The agent asks for one thing at a time for one cluster. */
export class Clusters {
  readonly #o: ClustersOptions;

  constructor(options: ClustersOptions) {
    this.#o = options;
  }

  /** Makes the cluster have the nodes it is asked for, of the size it is asked for, all up. */
  async ensure(request: ClusterInstRequest, operation: Operation): Promise<void> {
    const { keyJson, clusterInst, flavor } = request;
    const { clusters, nodes, apps, keeper } = this.#o;
    const size = nodeSize(clusterInst, flavor);
    const names = wantedNodes(clusterInst);
    const image = await this.#o.image();
    await keeper.release(keyJson);
    try {
      const record = await this.#withNetwork(request, operation);
      operation.signal.throwIfAborted();
      const planned = planNodes(record, names, { size, image, newKey: newKeyPair });
      const staying = new Set(names);
      const leaving = record.nodes.filter(({ name }) => !staying.has(name));
      // Those that leave stay until what they run has gone elsewhere.
      const growing: ClusterRecord = { ...record, nodes: [...planned, ...leaving] };
      await clusters.put(growing);
      await nodes.sweep(keyJson, growing);
      const starting = await nodes.idle(growing, planned);
      const need = {
        flavor: clusterInst.flavor?.name ?? '',
        memoryMb: size.memoryMB * starting.length,
        diskMb: size.diskMib * starting.length,
        imageMb: 0,
      };
      const bringUp = () => nodes.bringUp(growing, planned, operation);
      await (starting.length === 0 ? bringUp() : this.#o.engines.admission.admit(need, bringUp));
      for (const node of planned) await apps.reconcile(growing, node, operation);
      await apps.moveFrom(keyJson, new Set(leaving.map(({ name }) => name)), operation);
      const whole: ClusterRecord = { ...growing, nodes: planned };
      for (const { name } of leaving) operation.progress(`removing ${name} of ${record.name}`);
      operation.signal.throwIfAborted();
      await clusters.put(whole);
      await nodes.sweep(keyJson, whole);
      await apps.publishAll(keyJson);
      await clusters.put({ ...whole, state: 'ready' });
    } finally {
      const record = clusters.get(keyJson);
      // Also after a failure: what worked before is to go on working.
      if (record && !operation.signal.aborted) keeper.keep(record);
    }
  }

  async remove(keyJson: string, operation: Operation): Promise<void> {
    const { clusters, nodes, apps, keeper, engines } = this.#o;
    await keeper.release(keyJson);
    const record = clusters.get(keyJson);
    if (!record) return;
    await clusters.put({ ...record, state: 'deleting' });
    operation.progress(`removing ${record.nodes.length} nodes of ${record.name}`);
    operation.signal.throwIfAborted();
    // The controller allows it only when no AppInst is left; what it has forgotten must not keep ports open.
    await apps.removeAll(keyJson);
    await nodes.sweep(keyJson, undefined);
    operation.progress(`removing network ${record.bridge}`);
    operation.signal.throwIfAborted();
    await engines.networks.remove(record.bridge);
    await clusters.delete(keyJson);
    nodes.forget(keyJson);
  }

  /** Takes up what an earlier run left, and starts what is to run; the keeper sees to the rest. The state of each cluster. */
  async recover(): Promise<ReadonlyMap<string, InstanceState>> {
    const { clusters, nodes, keeper, engines } = this.#o;
    const records = clusters.values();
    await engines.networks.sweep(new Set(records.map(({ bridge }) => bridge)));
    await engines.machines.recover();
    const known = new Map(records.map((record) => [record.keyJson, record]));
    const labels = (await engines.machines.list()).map(({ spec }) => spec?.labels?.['clusterInst'] ?? '');
    for (const keyJson of new Set(labels)) await nodes.sweep(keyJson, known.get(keyJson));
    const states = await Promise.all(
      records.map(async (record): Promise<readonly [string, InstanceState]> => {
        if (record.state !== 'ready') return [record.keyJson, record.state];
        try {
          await engines.networks.ensure({ ...record, publicAddr: this.#o.publicAddr });
          await Promise.all(record.nodes.map((node) => nodes.start(record, node)));
          keeper.keep(record);
          return [record.keyJson, 'ready'];
        } catch (error) {
          this.#o.logger.warn({ key: record.keyJson, reason: messageOf(error) }, 'A cluster is not whole');
          return [record.keyJson, 'creating'];
        }
      }),
    );
    return new Map(states);
  }

  /** The cluster's record, with a network on the host that is as it says. */
  async #withNetwork(request: ClusterInstRequest, operation: Operation): Promise<ClusterRecord> {
    const { keyJson, clusterInst } = request;
    const { clusters, engines, publicAddr, clock } = this.#o;
    const name = hostName([clusterInst.key?.clusterKey?.name ?? ''], keyJson);
    const bridge = engines.networks.bridgeName(keyJson);
    return hostTurn(CHOOSING, clock, operation.signal, async () => {
      const existing = clusters.get(keyJson);
      const others = clusters.values().map((record) => record.subnet);
      const seed = Number.parseInt(shortHash(bridge), 16);
      const record: ClusterRecord = {
        ...(existing ?? {
          ...{ keyJson, name, bridge, nodes: [], agentKey: newKeyPair() },
          subnet: await engines.networks.chooseSubnet(others, seed),
        }),
        state: 'creating',
      };
      await clusters.put(record);
      operation.progress(`making network ${bridge} with ${record.subnet}`);
      operation.signal.throwIfAborted();
      await engines.networks.ensure({ ...record, publicAddr });
      return record;
    });
  }
}
