import { type Clock, fail, type Logger, messageOf, sleep } from '@edgeplane/base';
import { newKeyPair } from '../../engines/ssh/index.js';
import type { RecordStore } from '../../records.js';
import type { Operation } from '../driver.js';
import type { ClusterEngines, MachineStatus, NodeLink } from './engines.js';
import { clusterErrors } from './errors.js';
import { CLUSTER_LABEL, machineOf, successor } from './node-plan.js';
import { machineId } from './node-seed.js';
import type { ClusterRecord, NodeRecord } from './records.js';

/** How long a machine may take to boot, milliseconds; without hardware acceleration and beside others it takes minutes. */
export const BOOT_LIMIT_MS = 420_000;
const POLL_MS = 500;

export interface NodesOptions {
  readonly engines: ClusterEngines;
  readonly clusters: RecordStore<ClusterRecord>;
  readonly cloudletKeyJson: string;
  /** IPv4 addresses of name servers that nodes can reach. */
  readonly nameServers: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The machines of clusters and the connections to them. What a machine is to be stands in the cluster's record. */
export class ClusterNodes {
  readonly #o: NodesOptions;
  /** By machine, so that another one in its place is never spoken to through an old connection. */
  readonly #links = new Map<string, NodeLink>();
  /** Nodes that do not answer: `<cluster> <node>`. */
  readonly #down = new Set<string>();

  constructor(options: NodesOptions) {
    this.#o = options;
  }

  /** The way to a node's podman; costs nothing until it is used. */
  link(cluster: ClusterRecord, node: NodeRecord): NodeLink {
    const id = machineId(cluster, node);
    const known = this.#links.get(id);
    if (known) return known;
    const link = this.#o.engines.connect({
      ...{ host: node.address, port: 22, username: 'root' },
      ...{ privateKey: cluster.agentKey.privateKey, hostKey: node.hostKey.publicKey },
    });
    this.#links.set(id, link);
    return link;
  }

  isDown(cluster: string, node: string): boolean {
    return this.#down.has(`${cluster} ${node}`);
  }

  /** Notes whether a node answers; true when that is news. */
  setDown(cluster: string, node: string, down: boolean): boolean {
    const key = `${cluster} ${node}`;
    if (this.#down.has(key) === down) return false;
    if (down) this.#down.add(key);
    else this.#down.delete(key);
    return true;
  }

  status(cluster: ClusterRecord, node: NodeRecord): Promise<MachineStatus> {
    return this.#o.engines.machines.status(machineId(cluster, node));
  }

  /** Makes the machine unless it is there, and starts it unless it runs. */
  async start(cluster: ClusterRecord, node: NodeRecord): Promise<void> {
    const { engines, nameServers, cloudletKeyJson } = this.#o;
    const { id } = await engines.machines.create(machineOf(cluster, node, { nameServers, cloudletKeyJson }));
    const { state, reason } = await engines.machines.start(id);
    if (state !== 'running')
      throw fail(clusterErrors.NODE_NOT_UP, { node: node.name, seconds: 0, reason: reason ?? state });
  }

  /** Takes the power from a machine; its disk stays. */
  async cut(cluster: ClusterRecord, node: NodeRecord): Promise<void> {
    await this.#o.engines.machines.stop(machineId(cluster, node), { graceMs: 0 });
    this.#forgetLink(machineId(cluster, node));
  }

  /** Waits until the node's podman answers. @throws NODE_NOT_UP with what can be known about it */
  async waitUp(cluster: ClusterRecord, node: NodeRecord, signal: AbortSignal): Promise<void> {
    const { clock, engines } = this.#o;
    const id = machineId(cluster, node);
    const deadline = clock.monotonic() + BOOT_LIMIT_MS;
    const notUp = (reason: string) =>
      fail(clusterErrors.NODE_NOT_UP, { node: node.name, seconds: BOOT_LIMIT_MS / 1000, reason });
    for (;;) {
      const silence = await this.link(cluster, node).silence(signal);
      if (silence === undefined) break;
      signal.throwIfAborted();
      const { state, reason } = await engines.machines.status(id);
      if (state !== 'running') throw notUp(reason ?? `its machine is ${state}`);
      if (clock.monotonic() > deadline) {
        const console = await engines.machines.consoleTail(id, 2000).catch(() => '');
        throw notUp(`${silence}; its console says "${console.trim().split('\n').at(-1)?.trim() ?? ''}"`);
      }
      await sleep(clock, POLL_MS, signal);
    }
    this.setDown(cluster.keyJson, node.name, false);
  }

  /** Those of the nodes whose machine does not run. */
  async idle(cluster: ClusterRecord, nodes: readonly NodeRecord[]): Promise<readonly NodeRecord[]> {
    const states = await Promise.all(nodes.map((node) => this.status(cluster, node)));
    return nodes.filter((_node, i) => states[i]?.state !== 'running');
  }

  /** Starts nodes side by side and waits until all are up. @throws the first failure, once every one has ended */
  async bringUp(cluster: ClusterRecord, nodes: readonly NodeRecord[], operation: Operation): Promise<void> {
    const idle = new Set((await this.idle(cluster, nodes)).map(({ name }) => name));
    let up = nodes.length - idle.size;
    const work = nodes.map(async (node) => {
      if (idle.has(node.name)) operation.progress(`starting ${node.name} of ${cluster.name}`);
      operation.signal.throwIfAborted();
      await this.start(cluster, node);
      await this.waitUp(cluster, node, operation.signal);
      if (!idle.has(node.name)) return;
      up += 1;
      operation.progress(`${node.name} of ${cluster.name} is up, ${up} of ${nodes.length}`);
    });
    const failed = (await Promise.allSettled(work)).find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
  }

  /** Removes the machines of a cluster that its record does not name; all of them when there is no record. */
  async sweep(keyJson: string, record: ClusterRecord | undefined): Promise<void> {
    const { machines } = this.#o.engines;
    const known = new Set(record?.nodes.map((node) => machineId(record, node)));
    const stale = (await machines.list()).filter(
      ({ id, spec }) => spec?.labels?.[CLUSTER_LABEL] === keyJson && !known.has(id),
    );
    for (const { id } of stale) this.#forgetLink(id);
    const ends = await Promise.allSettled(stale.map(({ id }) => machines.destroy(id)));
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
  }

  /** Another machine, with nothing on its disk, in the place of one. It is started and may not be up yet. */
  async replace(cluster: ClusterRecord, node: NodeRecord): Promise<void> {
    const next = successor(node, node.image, newKeyPair());
    const nodes = cluster.nodes.map((n) => (n.name === node.name ? next : n));
    const record = { ...cluster, nodes };
    await this.#o.clusters.put(record);
    await this.sweep(cluster.keyJson, record);
    await this.start(record, next);
  }

  /** Forgets what is known of a cluster that is gone. */
  forget(keyJson: string): void {
    for (const key of this.#down) if (key.startsWith(`${keyJson} `)) this.#down.delete(key);
  }

  close(): void {
    for (const id of [...this.#links.keys()]) this.#forgetLink(id);
  }

  /** Shuts every machine of the clusters down, side by side. */
  async shutdown(graceMs: number): Promise<void> {
    const { machines } = this.#o.engines;
    const running = (await machines.list()).filter(({ state }) => state === 'running');
    const stops = running.map(({ id }) =>
      machines.stop(id, { graceMs }).catch((error: unknown) => {
        this.#o.logger.warn({ vm: id, reason: messageOf(error) }, 'A node does not stop');
      }),
    );
    await Promise.all(stops);
  }

  #forgetLink(id: string): void {
    this.#links.get(id)?.close();
    this.#links.delete(id);
  }
}
