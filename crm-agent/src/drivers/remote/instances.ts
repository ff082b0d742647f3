import { Backoff, EdgeplaneError, fail, sleep } from '@edgeplane/base';
import type { RecordStore } from '../../records.js';
import { withTimeLimit } from '../../time-limit.js';
import type { DriverContext, InstanceState, Operation } from '../driver.js';
import type { InstancePorts } from '../public-ports.js';
import { RestartTally } from '../restart-tally.js';
import type { AppRecord } from './app-record.js';
import { verdictOf } from './call-policy.js';
import { remoteErrors } from './errors.js';
import { balancedPorts, type WantedPort } from './reach.js';
import type { MachineKey, Present, Sight } from './sight.js';
import type { RemoteTiming } from './timing.js';
import { Watcher } from './watcher.js';

/** Whoever makes machines, wherever they are. */
export interface RemoteMachineSource<P> {
  /** What errors call it. */
  readonly peer: string;
  /** Makes the machine be what the plan says, and run. */
  ensure(key: MachineKey, plan: P, operation: Operation): Promise<Present>;
  remove(keyJson: string, operation: Operation): Promise<void>;
  /** How the machine is; `missing` only when that is certain. @throws when nobody tells */
  look(keyJson: string, signal: AbortSignal): Promise<Sight>;
}

export interface RemoteInstancesOptions<P> {
  readonly machines: RemoteMachineSource<P>;
  readonly records: Pick<RecordStore<MachineKey & { readonly plan: P }>, 'get'>;
  readonly apps: RecordStore<AppRecord>;
  readonly publicPorts: InstancePorts;
  readonly context: DriverContext;
  readonly timing: RemoteTiming;
}

/** Instances made of machines that are somebody else's: their ports, and whoever looks after them. */
export class RemoteInstances<P extends { readonly name: string }> {
  readonly #o: RemoteInstancesOptions<P>;
  readonly #watcher: Watcher;
  readonly #restarts: RestartTally;
  /** What was last seen of each machine. */
  readonly #seen = new Map<string, Present>();
  /** What is wrong with machines, by owner, then by machine. */
  readonly #wrong = new Map<string, Map<string, string>>();
  /** What the load balancer was last told, as JSON. */
  readonly #served = new Map<string, string>();

  constructor(options: RemoteInstancesOptions<P>) {
    this.#o = options;
    const { records, timing } = options;
    const { clock, random, logger, troubles } = options.context;
    const ownerOf = (keyJson: string) => records.get(keyJson)?.owner ?? keyJson;
    this.#restarts = new RestartTally({
      clock,
      report: (keyJson, trouble) => troubles.set(keyJson, 'restarts', trouble),
    });
    this.#watcher = new Watcher({
      ...{ clock, random, logger, timing },
      machines: {
        tend: (keyJson, signal) => this.#tend(keyJson, signal),
        trouble: (keyJson, text) => this.#noteTrouble(keyJson, ownerOf(keyJson), text),
        ended: (keyJson, how) => this.#restarts.ended(ownerOf(keyJson), how),
      },
    });
  }

  /** Makes the machine of an AppInst be what the plan says, run, and be reached by its ports. */
  async ensureApp(
    keyJson: string,
    plan: P,
    ports: readonly WantedPort[],
    operation: Operation,
  ): Promise<void> {
    const { apps, machines, publicPorts } = this.#o;
    await this.#watcher.release(keyJson);
    await apps.put({ keyJson, state: 'creating', ports });
    operation.signal.throwIfAborted();
    const sight = await machines.ensure({ keyJson, owner: keyJson }, plan, operation);
    this.#seen.set(keyJson, sight);
    if (ports.length === 0) await publicPorts.set(keyJson, []);
    else await this.#open(keyJson, plan, ports, sight, operation);
    await apps.put({ keyJson, state: 'ready', ports });
    this.#watcher.keep(keyJson);
  }

  async removeApp(keyJson: string, operation: Operation): Promise<void> {
    const { apps, machines, publicPorts } = this.#o;
    await this.#watcher.release(keyJson);
    const record = apps.get(keyJson);
    if (!record) return;
    await apps.put({ ...record, state: 'deleting' });
    operation.signal.throwIfAborted();
    await publicPorts.set(keyJson, []);
    await machines.remove(keyJson, operation);
    this.forget(keyJson);
    await apps.delete(keyJson);
  }

  /** Makes one of the machines of an instance be what the plan says, and run. */
  async ensureMachine(key: MachineKey, plan: P, operation: Operation): Promise<void> {
    await this.#watcher.release(key.keyJson);
    this.#seen.set(key.keyJson, await this.#o.machines.ensure(key, plan, operation));
  }

  async removeMachine(keyJson: string, operation: Operation): Promise<void> {
    await this.#watcher.release(keyJson);
    await this.#o.machines.remove(keyJson, operation);
    this.forget(keyJson);
  }

  /** Looks after a machine from now on. */
  keep(keyJson: string): void {
    this.#watcher.keep(keyJson);
  }

  /** What was last told of a machine. */
  facts(keyJson: string): ReadonlyMap<string, string> {
    return this.#seen.get(keyJson)?.facts ?? new Map();
  }

  /**
   * Sees to it that the machines of an instance run, and looks after them from then on. A provider that does not answer says
   * nothing about them: they are what they were.
   */
  async takeUp(keyJsons: readonly string[], signal: AbortSignal): Promise<InstanceState> {
    const { clock, logger } = this.#o.context;
    const states = keyJsons.map(async (keyJson): Promise<InstanceState> => {
      try {
        await withTimeLimit(clock, this.#o.timing.recoverMs, signal, (limited) =>
          this.#tend(keyJson, limited),
        );
      } catch (error) {
        signal.throwIfAborted();
        logger.warn({ err: error, key: keyJson }, 'A remote machine is not known to run');
        if (error instanceof EdgeplaneError && verdictOf(error) === 'refused') return 'creating';
      }
      this.#watcher.keep(keyJson);
      return 'ready';
    });
    return (await Promise.all(states)).includes('creating') ? 'creating' : 'ready';
  }

  async stop(): Promise<void> {
    await this.#watcher.stop();
    this.#restarts.stop();
  }

  async #tend(keyJson: string, signal: AbortSignal): Promise<boolean> {
    const { machines, records, apps } = this.#o;
    const record = records.get(keyJson);
    if (!record) return true;
    const sight = await machines.look(keyJson, signal);
    const ran = sight.state === 'on';
    const { logger } = this.#o.context;
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
    plan: P,
    ports: readonly WantedPort[],
    first: Present,
    operation: Operation,
  ): Promise<void> {
    const { machines, context } = this.#o;
    const { clock, random } = context;
    const deadline = clock.monotonic() + this.#o.timing.upMs;
    const pause = new Backoff(this.#o.timing.pollMs, random);
    const numbers = ports.map(({ publicPort }) => publicPort).join(', ');
    operation.progress(`opening ports ${numbers}`);
    for (let sight = first; ; ) {
      operation.signal.throwIfAborted();
      this.#seen.set(keyJson, sight);
      if (await this.#serve(keyJson, ports, sight)) return;
      if (clock.monotonic() > deadline)
        throw fail(remoteErrors.NO_ADDRESS, { ports: numbers, peer: machines.peer, name: plan.name });
      await sleep(clock, pause.next(), operation.signal);
      const next = await machines.look(keyJson, operation.signal);
      sight =
        next.state === 'missing' ? await machines.ensure({ keyJson, owner: keyJson }, plan, operation) : next;
    }
  }

  /** Has the load balancer lead to where the machine is; false when nobody knows where that is. */
  async #serve(keyJson: string, ports: readonly WantedPort[], sight: Present): Promise<boolean> {
    const { publicPorts, context } = this.#o;
    const balanced = balancedPorts(ports, context.publicAddr, sight.reach);
    if (!balanced) return false;
    const text = JSON.stringify(balanced);
    if (this.#served.get(keyJson) === text && publicPorts.of(keyJson).length === balanced.length) return true;
    await publicPorts.set(keyJson, balanced);
    this.#served.set(keyJson, text);
    return true;
  }

  /** One that is well again does not take the word from another of the same instance. */
  #noteTrouble(keyJson: string, owner: string, text: string | undefined): void {
    const texts = this.#wrong.get(owner) ?? new Map<string, string>();
    this.#wrong.set(owner, texts);
    if (text === undefined) texts.delete(keyJson);
    else texts.set(keyJson, text);
    if (texts.size === 0) this.#wrong.delete(owner);
    const [first] = texts.values();
    this.#o.context.troubles.set(owner, 'remote', first);
  }

  /** It is gone: nothing is known of it any more. */
  forget(keyJson: string): void {
    this.#restarts.forget(keyJson);
    for (const [owner, texts] of this.#wrong)
      if (texts.has(keyJson)) this.#noteTrouble(keyJson, owner, undefined);
    this.#o.context.troubles.clear(keyJson);
    this.#seen.delete(keyJson);
    this.#served.delete(keyJson);
  }
}
