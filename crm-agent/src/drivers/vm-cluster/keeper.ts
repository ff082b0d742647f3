import { Backoff, type Clock, type Logger, messageOf, type Random, sleep } from '@edgeplane/base';
import type { RecordStore } from '../../records.js';
import type { Operation } from '../driver.js';
import { Watches } from '../watches.js';
import type { ClusterApps } from './apps.js';
import { BOOT_LIMIT_MS, type ClusterNodes } from './nodes.js';
import type { ClusterRecord, NodeRecord } from './records.js';

/** Between two looks at a node, milliseconds. */
const LOOK_MS = 2000;
/** A node that has been up and has not answered for this long is switched off and on. */
const UNREACHABLE_MS = 60_000;
/** How often a node that is well is compared with what it is to run. */
const COMPARE_MS = 60_000;
/** After this long a node that came back counts as well again. */
const STEADY_MS = 600_000;
/** Starts that do not make a node well before another machine takes its place. */
const STARTS = 2;
/** Tries to make it run what it is to run, after it was cut off, before another machine takes its place. */
const BROKEN = 3;
const BACKOFF = { base: 1000, max: 60_000 };

export interface KeeperOptions {
  readonly clusters: RecordStore<ClusterRecord>;
  readonly nodes: ClusterNodes;
  readonly apps: ClusterApps;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Keeps the nodes of ready clusters well: one whose machine ended is started again, one that does not answer is switched
 * off and on, and when that does not help another machine takes its place and its replicas go elsewhere meanwhile. What a
 * node is to run is made to run on it when it comes up, and compared now and then. Public ports lead to nodes that answer.
 */
export class NodeKeeper {
  readonly #o: KeeperOptions;
  readonly #watches = new Watches();

  constructor(options: KeeperOptions) {
    this.#o = options;
  }

  /** Looks after the nodes that the cluster's record names now, until released. */
  keep({ keyJson, nodes }: ClusterRecord): void {
    this.#watches.keep(keyJson, (signal) =>
      Promise.all(nodes.map((node) => new NodeWatch(this.#o, keyJson, node.name, signal).run())),
    );
  }

  /** Resolves when nothing is done to the cluster's nodes any more. */
  release(keyJson: string): Promise<void> {
    return this.#watches.release(keyJson);
  }

  stop(): Promise<void> {
    return this.#watches.stop();
  }
}

/** One node of one cluster. */
class NodeWatch {
  readonly #o: KeeperOptions;
  readonly #cluster: string;
  readonly #name: string;
  readonly #signal: AbortSignal;
  readonly #backoff: Backoff;
  /** Since when it has been well; undefined while it is not. */
  #wellSince: number | undefined;
  /** Since when it has not been, and by when it must be. */
  #troubleSince: number;
  #patienceMs = BOOT_LIMIT_MS;
  #comparedAt = 0;
  #starts = 0;
  /** Times in a row that it could not be made to run what it is to run, since its machine was cut off. */
  #broken: number | undefined;

  constructor(options: KeeperOptions, cluster: string, name: string, signal: AbortSignal) {
    this.#o = options;
    this.#cluster = cluster;
    this.#name = name;
    this.#signal = signal;
    this.#backoff = new Backoff(BACKOFF, options.random);
    this.#troubleSince = options.clock.monotonic();
  }

  /** Ends when released; never rejects. */
  async run(): Promise<void> {
    const { clock, clusters, logger } = this.#o;
    while (!this.#signal.aborted) {
      const cluster = clusters.get(this.#cluster);
      const node = cluster?.nodes.find(({ name }) => name === this.#name);
      if (!cluster || !node) return;
      try {
        await this.#look(cluster, node);
      } catch (error) {
        if (this.#signal.aborted) return;
        logger.warn({ ...this.#about(), reason: messageOf(error) }, 'A node is not as it should be');
      }
      await sleep(clock, LOOK_MS, this.#signal).catch(() => undefined);
    }
  }

  async #look(cluster: ClusterRecord, node: NodeRecord): Promise<void> {
    const { nodes, clock } = this.#o;
    const { state, reason, trouble } = await nodes.status(cluster, node);
    if (state !== 'running') return this.#again(cluster, node, reason ?? `its machine is ${state}`);
    if (trouble !== undefined) return this.#waits();
    const silence = await nodes.link(cluster, node).silence(this.#signal);
    if (silence === undefined) return this.#well(cluster, node);
    this.#signal.throwIfAborted();
    const now = clock.monotonic();
    if (this.#wellSince !== undefined) {
      this.#wellSince = undefined;
      this.#troubleSince = now;
      this.#patienceMs = UNREACHABLE_MS;
      // One lost answer is not news; the balancer passes over what does not answer by itself.
      return;
    }
    await this.#isDown();
    if (now - this.#troubleSince < this.#patienceMs) return;
    await nodes.cut(cluster, node);
    await this.#again(cluster, node, `no answer for ${Math.round(this.#patienceMs / 1000)} s: ${silence}`);
  }

  async #well(cluster: ClusterRecord, node: NodeRecord): Promise<void> {
    const { apps, clock, nodes, logger } = this.#o;
    const now = clock.monotonic();
    const news = this.#wellSince === undefined;
    if (news || now - this.#comparedAt > COMPARE_MS) {
      try {
        await apps.reconcile(cluster, node, this.#operation());
      } catch (error) {
        this.#signal.throwIfAborted();
        if (this.#broken === undefined || ++this.#broken < BROKEN) throw error;
        // A loss of power may have taken from its disk what podman believes to be there.
        this.#starts = STARTS;
        return this.#again(cluster, node, `after it was cut off: ${messageOf(error)}`);
      }
      this.#broken = undefined;
      this.#comparedAt = now;
    }
    if (news) {
      this.#wellSince = now;
      if (nodes.setDown(this.#cluster, this.#name, false)) logger.info(this.#about(), 'A node is up again');
      await apps.publishAll(this.#cluster);
    }
    if (this.#wellSince !== undefined && now - this.#wellSince > STEADY_MS) {
      this.#starts = 0;
      this.#backoff.reset();
    }
  }

  /** Starts a machine that does not run, or puts another one in its place. */
  async #again(cluster: ClusterRecord, node: NodeRecord, reason: string): Promise<void> {
    const { nodes, apps, clock, logger } = this.#o;
    this.#wellSince = undefined;
    await this.#isDown();
    await sleep(clock, this.#backoff.next(), this.#signal);
    const replace = this.#starts >= STARTS;
    logger.warn({ ...this.#about(), reason, replace }, 'A node ended; starting it again');
    this.#starts = replace ? 0 : this.#starts + 1;
    this.#broken = replace ? undefined : 0;
    this.#troubleSince = clock.monotonic();
    this.#patienceMs = BOOT_LIMIT_MS;
    if (!replace) return nodes.start(cluster, node);
    await nodes.replace(cluster, node);
    await apps.rescue(this.#cluster, this.#name, this.#operation());
  }

  /** Another machine in its place would wait for the same. */
  async #waits(): Promise<void> {
    this.#wellSince = undefined;
    this.#troubleSince = this.#o.clock.monotonic();
    this.#patienceMs = UNREACHABLE_MS;
    await this.#isDown();
  }

  async #isDown(): Promise<void> {
    if (this.#o.nodes.setDown(this.#cluster, this.#name, true)) await this.#o.apps.publishAll(this.#cluster);
  }

  #operation(): Operation {
    return {
      signal: this.#signal,
      progress: (text) => this.#o.logger.info({ ...this.#about(), step: text }, 'Looking after a node'),
    };
  }

  #about() {
    return { cluster: this.#cluster, node: this.#name };
  }
}
