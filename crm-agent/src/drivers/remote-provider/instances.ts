import { Backoff, fail, sleep } from '@edgeplane/base';
import { withTimeLimit } from '../../time-limit.js';
import type { ClusterInstRequest, InstanceState, InstanceUsage, Operation } from '../driver.js';
import { localErrors } from '../local/errors.js';
import { verdictOf } from '../remote/call-policy.js';
import { remoteErrors } from '../remote/errors.js';
import { balancedPorts, type WantedPort } from '../remote/reach.js';
import type { RemoteTiming } from '../remote/timing.js';
import { Watcher } from '../remote/watcher.js';
import { wantedNodes } from '../vm-cluster/node-plan.js';
import { usageOf } from './facts.js';
import { type MachinePlan, planNode } from './machine-plan.js';
import type { Present } from './provider.js';
import type { MachineRecord } from './records.js';
import type { Site } from './site.js';

/** Instances made of machines at the provider: their ports, and whoever looks after them. */
export class RemoteInstances {
  readonly #site: Site;
  readonly #timing: RemoteTiming;
  readonly #watcher: Watcher;
  /** What was last seen of each machine. */
  readonly #seen = new Map<string, Present>();
  /** What the load balancer was last told, as JSON. */
  readonly #served = new Map<string, string>();

  constructor(site: Site, timing: RemoteTiming) {
    const { clock, random, logger } = site.context;
    this.#site = site;
    this.#timing = timing;
    const ownerOf = (keyJson: string) => site.records.get(keyJson)?.owner ?? keyJson;
    this.#watcher = new Watcher({
      ...{ clock, random, logger, timing },
      machines: {
        tend: (keyJson, signal) => this.#tend(keyJson, signal),
        trouble: (keyJson, text) => site.context.troubles.set(ownerOf(keyJson), 'remote', text),
        ended: (keyJson, how) => site.restarts.ended(ownerOf(keyJson), how),
      },
    });
  }

  /** Makes the machine of an AppInst be what the plan says, run, and be reached by its ports. */
  async ensureApp(
    keyJson: string,
    plan: MachinePlan,
    ports: readonly WantedPort[],
    operation: Operation,
  ): Promise<void> {
    const { apps, machines, publicPorts } = this.#site;
    await this.#watcher.release(keyJson);
    await apps.put({ keyJson, state: 'creating', ports });
    operation.signal.throwIfAborted();
    const sight = await machines.ensure({ keyJson, owner: keyJson }, plan, operation);
    if (ports.length === 0) await publicPorts.set(keyJson, []);
    else await this.#open(keyJson, plan, ports, sight, operation);
    this.#seen.set(keyJson, this.#seen.get(keyJson) ?? sight);
    await apps.put({ keyJson, state: 'ready', ports });
    this.#watcher.keep(keyJson);
  }

  async removeApp(keyJson: string, operation: Operation): Promise<void> {
    const { apps, machines, publicPorts } = this.#site;
    await this.#watcher.release(keyJson);
    const record = apps.get(keyJson);
    if (!record) return;
    await apps.put({ ...record, state: 'deleting' });
    operation.signal.throwIfAborted();
    await publicPorts.set(keyJson, []);
    await machines.remove(keyJson, operation);
    this.#forget(keyJson);
    await apps.delete(keyJson);
  }

  /** Makes the cluster have its nodes and no others. */
  async ensureCluster(request: ClusterInstRequest, operation: Operation): Promise<void> {
    const { clusters, machines, plan: settings } = this.#site;
    const { keyJson, clusterInst, flavor } = request;
    const wanted = settings.nodeImage === '' ? [] : wantedNodes(clusterInst);
    const known = clusters.get(keyJson)?.nodes ?? [];
    await clusters.put({ keyJson, state: 'creating', nodes: [...new Set([...known, ...wanted])] });
    operation.progress(wanted.length === 0 ? 'nothing is to be made' : `making ${wanted.length} nodes`);
    operation.signal.throwIfAborted();
    await all(
      wanted.map(async (node) => {
        if (!flavor)
          throw fail(localErrors.NO_FLAVOR, { name: clusterInst.flavor?.name ?? '', what: 'vcpus' });
        const id = nodeKey(keyJson, node);
        await this.#watcher.release(id);
        const plan = planNode({ keyJson, clusterInst, flavor }, node, settings);
        this.#seen.set(id, await machines.ensure({ keyJson: id, owner: keyJson }, plan, operation));
      }),
    );
    const leaving = known.filter((node) => !wanted.includes(node));
    await all(leaving.map((node) => this.#removeNode(keyJson, node, operation)));
    await clusters.put({ keyJson, state: 'ready', nodes: wanted });
    for (const node of wanted) this.#watcher.keep(nodeKey(keyJson, node));
  }

  async removeCluster(keyJson: string, operation: Operation): Promise<void> {
    const { clusters } = this.#site;
    const record = clusters.get(keyJson);
    if (!record) return;
    await clusters.put({ ...record, state: 'deleting' });
    operation.signal.throwIfAborted();
    await all(record.nodes.map((node) => this.#removeNode(keyJson, node, operation)));
    this.#forget(keyJson);
    await clusters.delete(keyJson);
  }

  usage({ keyJson, plan }: MachineRecord): InstanceUsage {
    return usageOf(plan, this.#seen.get(keyJson)?.facts ?? new Map());
  }

  /**
   * Sees to it that the machines of an instance run, and looks after them from then on. A provider that does not answer says
   * nothing about them: they are what they were.
   */
  async takeUp(keyJsons: readonly string[], signal: AbortSignal): Promise<InstanceState> {
    const { clock, logger } = this.#site.context;
    const states = keyJsons.map(async (keyJson): Promise<InstanceState> => {
      try {
        await withTimeLimit(clock, this.#timing.recoverMs, signal, (limited) => this.#tend(keyJson, limited));
      } catch (error) {
        signal.throwIfAborted();
        logger.warn({ err: error, key: keyJson }, 'A remote machine is not known to run');
        if (verdictOf(error) === 'refused' && error instanceof Error && error.name === 'EdgeplaneError')
          return 'creating';
      }
      this.#watcher.keep(keyJson);
      return 'ready';
    });
    return (await Promise.all(states)).includes('creating') ? 'creating' : 'ready';
  }

  async stop(): Promise<void> {
    await this.#watcher.stop();
  }

  async #tend(keyJson: string, signal: AbortSignal): Promise<boolean> {
    const { machines, records, apps } = this.#site;
    const record = records.get(keyJson);
    if (!record) return true;
    const sight = await machines.look(keyJson, signal);
    const ran = sight.state === 'on';
    const { logger } = this.#site.context;
    const progress = (text: string) => logger.info({ key: record.owner }, text);
    if (!ran)
      logger.warn({ key: record.owner, vm: record.plan.name, state: sight.state }, 'A machine does not run');
    const now = ran ? sight : await machines.ensure(record, record.plan, { signal, progress });
    this.#seen.set(keyJson, now);
    const app = apps.get(keyJson);
    if (app && app.ports.length > 0) await this.#serve(keyJson, app.ports, now);
    return ran;
  }

  /** Opens the ports once the machine can be reached. @throws NO_ADDRESS */
  async #open(
    keyJson: string,
    plan: MachinePlan,
    ports: readonly WantedPort[],
    first: Present,
    operation: Operation,
  ): Promise<void> {
    const { machines, provider, context } = this.#site;
    const { clock, random } = context;
    const deadline = clock.monotonic() + this.#timing.upMs;
    const pause = new Backoff(this.#timing.pollMs, random);
    const numbers = ports.map(({ publicPort }) => publicPort).join(', ');
    operation.progress(`opening ports ${numbers}`);
    for (let sight = first; ; ) {
      operation.signal.throwIfAborted();
      this.#seen.set(keyJson, sight);
      if (await this.#serve(keyJson, ports, sight)) return;
      if (clock.monotonic() > deadline)
        throw fail(remoteErrors.NO_ADDRESS, { ports: numbers, peer: provider.peer, name: plan.name });
      await sleep(clock, pause.next(), operation.signal);
      const next = await machines.look(keyJson, operation.signal);
      sight =
        next.state === 'missing' ? await machines.ensure({ keyJson, owner: keyJson }, plan, operation) : next;
    }
  }

  /** Has the load balancer lead to where the machine is; false when nobody knows where that is. */
  async #serve(keyJson: string, ports: readonly WantedPort[], sight: Present): Promise<boolean> {
    const { publicPorts, context } = this.#site;
    const balanced = balancedPorts(ports, context.publicAddr, sight.reach);
    if (!balanced) return false;
    const text = JSON.stringify(balanced);
    if (this.#served.get(keyJson) === text && publicPorts.of(keyJson).length === balanced.length) return true;
    await publicPorts.set(keyJson, balanced);
    this.#served.set(keyJson, text);
    return true;
  }

  async #removeNode(cluster: string, node: string, operation: Operation): Promise<void> {
    const id = nodeKey(cluster, node);
    await this.#watcher.release(id);
    await this.#site.machines.remove(id, operation);
    this.#forget(id);
  }

  #forget(keyJson: string): void {
    this.#site.restarts.forget(keyJson);
    this.#site.context.troubles.clear(keyJson);
    this.#seen.delete(keyJson);
    this.#served.delete(keyJson);
  }
}

export const nodeKey = (cluster: string, node: string): string => `${cluster} ${node}`;

/** Waits for the end of all, so that nothing goes on when it fails. */
async function all(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((end) => end.status === 'rejected');
  if (failed) throw failed.reason;
}
