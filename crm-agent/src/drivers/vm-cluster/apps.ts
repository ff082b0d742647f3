import {
  type Clock,
  EdgeplaneError,
  fail,
  KeyedTurns,
  type Logger,
  messageOf,
  type StatusName,
} from '@edgeplane/base';
import { agentErrors } from '../../errors.js';
import { shortHash } from '../../host-names.js';
import type { RecordStore } from '../../records.js';
import type { Operation } from '../driver.js';
import { changeManifest } from '../local/manifest.js';
import { type AppPlan, mapping } from './app-plan.js';
import type { ClusterEngines, HostImage } from './engines.js';
import { workersOf } from './node-plan.js';
import type { ClusterNodes } from './nodes.js';
import { placeApp } from './placement.js';
import { placeOf, reachable } from './places.js';
import {
  type AppRecord,
  type ClusterRecord,
  type NodeRecord,
  type ReplicaRecord,
  replicaName,
} from './records.js';

export interface AppsOptions {
  readonly engines: ClusterEngines;
  readonly clusters: RecordStore<ClusterRecord>;
  readonly apps: RecordStore<AppRecord>;
  readonly nodes: ClusterNodes;
  readonly publicAddr: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** AppInsts in clusters: replicas on nodes, and public ports that lead to them. */
export class ClusterApps {
  readonly #o: AppsOptions;
  /** One thing at a time is done to an instance, by whoever does it. */
  readonly #turns = new KeyedTurns();
  /** One decision about places at a time in a cluster, as it depends on those before. */
  readonly #placing = new KeyedTurns();

  constructor(options: AppsOptions) {
    this.#o = options;
  }

  /** Makes the instance be what the plan says, and serve. */
  create(keyJson: string, cluster: string, plan: AppPlan, operation: Operation): Promise<void> {
    return this.#turns.run(keyJson, async () => {
      const existing = this.#o.apps.get(keyJson);
      if (existing && (existing.cluster !== cluster || planHash(existing.plan) !== planHash(plan)))
        await this.#remove(existing, operation);
      const record = await this.#place({ keyJson, cluster, plan, state: 'creating' }, workersOf);
      for (const { index, node } of record.replicas)
        operation.progress(`replica ${index + 1} of ${plan.name} goes to ${node}`);
      operation.signal.throwIfAborted();
      const images = await this.#images(plan, operation);
      await settled(record.replicas.map((replica) => this.#run(record, replica, images, operation)));
      for (const { proto, publicPort } of plan.ports)
        operation.progress(`opening ${proto} port ${publicPort}`);
      operation.signal.throwIfAborted();
      await this.#publish(record);
      await this.#o.apps.put({ ...record, state: 'ready' });
    });
  }

  remove(keyJson: string, operation: Operation): Promise<void> {
    return this.#turns.run(keyJson, async () => {
      const record = this.#o.apps.get(keyJson);
      if (record) await this.#remove(record, operation);
    });
  }

  /** Forgets the instances of a cluster whose machines go. */
  async removeAll(cluster: string): Promise<void> {
    for (const { keyJson } of this.#of(cluster)) {
      await this.#turns.run(keyJson, async () => {
        await this.#o.engines.ports.set(keyJson, []);
        await this.#o.apps.delete(keyJson);
      });
    }
  }

  /** Gives the replicas on these nodes other places and makes them there. @throws NO_ROOM; then nothing has changed */
  async moveFrom(cluster: string, leaving: ReadonlySet<string>, operation: Operation): Promise<void> {
    for (const { keyJson } of this.#of(cluster)) {
      await this.#turns.run(keyJson, async () => {
        const app = this.#o.apps.get(keyJson);
        if (!app?.replicas.some(({ node }) => leaving.has(node))) return;
        const staying = (nodes: readonly NodeRecord[]) => nodes.filter(({ name }) => !leaving.has(name));
        await this.#move(app, (nodes) => workersOf(staying(nodes)), operation);
      });
    }
  }

  /**
   * Gives replicas of a node that is gone other places, as far as there is room; those that stay come back with the node.
   */
  async rescue(cluster: string, node: string, operation: Operation): Promise<void> {
    for (const { keyJson, state } of this.#of(cluster)) {
      const concerned = this.#o.apps.get(keyJson)?.replicas.some((replica) => replica.node === node);
      if (!concerned || state !== 'ready') continue;
      await this.#turns.run(keyJson, async () => {
        const app = this.#o.apps.get(keyJson);
        if (!app) return;
        const others = (nodes: readonly NodeRecord[]) => workersOf(nodes).filter(({ name }) => name !== node);
        await this.#move(app, others, operation).catch((error: unknown) => {
          operation.signal.throwIfAborted();
          this.#o.logger.warn(
            { key: keyJson, node, reason: messageOf(error) },
            'Replicas wait for their node',
          );
        });
      });
    }
  }

  /** Makes a node that has come up run what it is to run, and nothing else. */
  async reconcile(cluster: ClusterRecord, node: NodeRecord, operation: Operation): Promise<void> {
    const link = this.#o.nodes.link(cluster, node);
    await link.recover();
    const found = await link.list();
    const wanted = new Set(
      this.#of(cluster.keyJson).flatMap(({ plan, replicas }) =>
        replicas.filter((r) => r.node === node.name).map((r) => replicaName(plan, r.index)),
      ),
    );
    for (const { name } of found) if (!wanted.has(name)) await link.remove(name);
    for (const { keyJson } of this.#of(cluster.keyJson)) {
      await this.#turns.run(keyJson, async () => {
        const app = this.#o.apps.get(keyJson);
        const here = app?.replicas.filter((replica) => replica.node === node.name) ?? [];
        if (app?.state !== 'ready' || here.length === 0) return;
        const images = await this.#images(app.plan, operation);
        for (const replica of here) await this.#run(app, replica, images, operation);
      });
    }
  }

  /** Brings the public ports of a cluster's instances to what is known of its nodes. */
  async publishAll(cluster: string): Promise<void> {
    for (const { keyJson } of this.#of(cluster)) {
      const app = this.#o.apps.get(keyJson);
      if (app?.state === 'ready') await this.#publish(app);
    }
  }

  #of(cluster: string): readonly AppRecord[] {
    return this.#o.apps.values().filter((app) => app.cluster === cluster);
  }

  /**
   * Writes down where replicas go that have no place, or one on a node that is not among what `choose` leaves of the
   * cluster's.
   */
  #place(
    app: Omit<AppRecord, 'replicas'>,
    choose: (nodes: readonly NodeRecord[]) => readonly NodeRecord[],
  ): Promise<AppRecord> {
    const { keyJson, cluster, plan } = app;
    return this.#placing.run(cluster, async () => {
      const { clusters, apps, nodes } = this.#o;
      const record = clusters.get(cluster);
      if (!record) throw fail(agentErrors.NOT_PRESENT, { kind: 'cluster instance', key: cluster });
      const chosen = choose(record.nodes);
      const names = new Set(chosen.map(({ name }) => name));
      const replicas = placeApp({
        plan,
        kept: apps.get(keyJson)?.replicas.filter(({ node }) => names.has(node)) ?? [],
        others: this.#of(cluster).filter((other) => other.keyJson !== keyJson),
        nodes: chosen,
        avoid: new Set(chosen.filter(({ name }) => nodes.isDown(cluster, name)).map(({ name }) => name)),
      });
      const placed: AppRecord = { ...app, replicas };
      await apps.put(placed);
      return placed;
    });
  }

  /**
   * The record says at once where replicas are to be: when the rest fails or is cut off, it is made up for when those
   * nodes are looked after.
   */
  async #move(
    app: AppRecord,
    choose: (nodes: readonly NodeRecord[]) => readonly NodeRecord[],
    operation: Operation,
  ): Promise<void> {
    const record = await this.#place(app, choose);
    const before = new Map(app.replicas.map((replica) => [replica.index, replica]));
    const moved = record.replicas.filter((replica) => before.get(replica.index)?.node !== replica.node);
    for (const { index, node } of moved)
      operation.progress(`replica ${index + 1} of ${app.plan.name} moves to ${node}`);
    const images = await this.#images(app.plan, operation);
    await settled(moved.map((replica) => this.#run(record, replica, images, operation)));
    await this.#publish(record);
    for (const { index } of moved) {
      const old = before.get(index);
      const place = old && placeOf(this.#o, app, old);
      if (!place || this.#o.nodes.isDown(app.cluster, old.node)) continue;
      await place.link.remove(replicaName(app.plan, index));
    }
  }

  async #images(plan: AppPlan, operation: Operation): Promise<ReadonlyMap<string, HostImage>> {
    const found = new Map<string, HostImage>();
    for (const image of plan.images)
      found.set(image, await this.#o.engines.images.hostImage(image, operation));
    return found;
  }

  async #run(
    app: AppRecord,
    replica: ReplicaRecord,
    images: ReadonlyMap<string, HostImage>,
    operation: Operation,
  ): Promise<void> {
    const { cluster, node, link } = reachable(this.#o, app, replica, 'may be coming');
    const { signal } = operation;
    await this.#o.nodes.waitUp(cluster, node, signal);
    for (const [name, image] of images) {
      signal.throwIfAborted();
      const archive = () => {
        operation.progress(`bringing image ${name} to ${node.name}`);
        return image.archive(signal);
      };
      await link.loadImage(image.id, archive, signal);
    }
    const { plan } = app;
    const { limits, labels } = plan;
    const name = replicaName(plan, replica.index);
    operation.progress(`starting ${name} on ${node.name}`);
    signal.throwIfAborted();
    const ports = plan.ports.flatMap((port, i) => {
      const nodePort = replica.nodePorts[i] ?? 0;
      return nodePort === 0 ? [] : [mapping(port, nodePort)];
    });
    if (plan.type === 'container') {
      const image = images.get(plan.images[0] ?? '')?.id ?? '';
      const { command, env } = plan;
      const rest = command.length > 0 ? { command } : {};
      await link.runContainer({ name, image, env, ports, limits, labels, ...rest });
      return link.flush(signal);
    }
    const ids = new Map([...images].map(([image, { id }]) => [image, id]));
    const yaml = changeManifest(plan.replicas[replica.index]?.yaml ?? '', { env: [], images: ids });
    const { warnings } = await link.playKube({ name, yaml, ports, limits, labels });
    for (const warning of warnings) operation.progress(warning);
    await link.flush(signal);
  }

  /** Public ports lead to the replicas on nodes that answer; with none of them, connections are refused at once. */
  async #publish({ keyJson, cluster, plan, replicas }: AppRecord): Promise<void> {
    const record = this.#o.clusters.get(cluster);
    const address = new Map(record?.nodes.map((node) => [node.name, node.address]));
    const up = replicas.filter(({ node }) => !this.#o.nodes.isDown(cluster, node));
    await this.#o.engines.ports.set(
      keyJson,
      plan.ports.map(({ proto, publicPort, pathPrefix }, i) => ({
        ...{ proto, pathPrefix, address: this.#o.publicAddr, port: publicPort },
        backends: up.flatMap(({ node, nodePorts }) => {
          const at = address.get(node);
          const port = nodePorts[i] ?? 0;
          return at === undefined || port === 0 ? [] : [{ address: at, port }];
        }),
      })),
    );
  }

  async #remove(record: AppRecord, operation: Operation): Promise<void> {
    const { apps, engines, nodes, logger } = this.#o;
    await apps.put({ ...record, state: 'deleting' });
    operation.progress(`removing ${record.plan.name}`);
    operation.signal.throwIfAborted();
    await engines.ports.set(record.keyJson, []);
    await settled(
      record.replicas.map(async (replica) => {
        const place = placeOf(this.#o, record, replica);
        if (!place) return;
        const name = replicaName(record.plan, replica.index);
        // What stays on a node that is down goes when it comes back, before it is counted as up.
        if (nodes.isDown(record.cluster, replica.node)) return;
        await place.link.remove(name).catch((error: unknown) => {
          if (!(error instanceof EdgeplaneError) || !AWAY.has(error.status)) throw error;
          logger.warn(
            { name, node: replica.node, reason: error.message },
            'A replica goes when its node is back',
          );
        });
      }),
    );
    await apps.delete(record.keyJson);
  }
}

/** What an answer fails with when its node is not there. */
const AWAY: ReadonlySet<StatusName> = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED']);

const planHash = (plan: AppPlan): string => shortHash(JSON.stringify(plan));

/** Waits for the end of all, so that nothing goes on when one fails. */
async function settled(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((end) => end.status === 'rejected');
  if (failed) throw failed.reason;
}
