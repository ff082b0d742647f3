import { type Clock, fail, type Logger, messageOf, type Random } from '@edgeplane/base';
import type { TerminalSize } from '@edgeplane/remote-shell';
import { type Death, type ImageConfig, PodmanEngine } from '../../engines/podman/index.js';
import type { Shell, ShellRequest } from '../../exec/shell.js';
import { imageRoom, prepareImage } from '../../site/container-images.js';
import { hostTurn, OPENING } from '../../site/host-turn.js';
import type { InstanceUsage, Operation } from '../driver.js';
import { ContainerKeeper } from './container-keeper.js';
import type { ContainerPlan } from './container-plan.js';
import { endShells, endsHostSessions, openContainerShell } from './container-shell.js';
import { localErrors } from './errors.js';
import { changeManifest } from './manifest.js';
import { SlowFigure } from './slow-figure.js';

/** How long a container's disk use counts as known, milliseconds: podman walks over all its files to find out. */
const DISK_USE_MS = 60_000;

export interface ContainerHostOptions {
  /** Marks everything made; differs between agents of one host. */
  readonly owner: string;
  readonly stateDir: string;
  readonly imageDir: string;
  /** File with credentials of registries; empty when there is none. */
  readonly registryAuth: string;
  /** Told of each workload that a container of ended, and how. */
  readonly ended: (name: string, how: string) => void;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/** Containers of this host, or the reason why there can be none. */
export class ContainerHost {
  readonly #options: ContainerHostOptions;
  readonly #diskUse: SlowFigure;
  readonly #found: PodmanEngine | { readonly reason: string };
  readonly #stopping = new AbortController();
  readonly #watching: Promise<void> = Promise.resolve();

  private constructor(options: ContainerHostOptions, found: PodmanEngine | { readonly reason: string }) {
    this.#options = options;
    this.#diskUse = new SlowFigure(options.clock, DISK_USE_MS);
    this.#found = found;
    if (!(found instanceof PodmanEngine)) return;
    const keeper = new ContainerKeeper({ ...options, reviver: found });
    const told = ({ name, status }: Death) => {
      options.ended(name, `with status ${status}`);
      keeper.ended(name);
    };
    this.#watching = found.watchDeaths(told, this.#stopping.signal).finally(() => keeper.stop());
  }

  /** Never fails for want of podman: then `available` is false and every operation says why. */
  static async open(options: ContainerHostOptions, signal: AbortSignal): Promise<ContainerHost> {
    const { owner, stateDir, logger, clock } = options;
    try {
      const engine = await hostTurn(OPENING, clock, signal, () =>
        PodmanEngine.open({ owner, stateDir, logger, clock, signal }),
      );
      return new ContainerHost(options, engine);
    } catch (error) {
      signal.throwIfAborted();
      logger.warn({ err: error }, 'Containers are not available');
      return new ContainerHost(options, { reason: messageOf(error) });
    }
  }

  get available(): boolean {
    return this.#found instanceof PodmanEngine;
  }

  async ensureNetwork(network: string, labels: Readonly<Record<string, string>>): Promise<void> {
    await this.#engine().ensureNetwork(network, labels);
  }

  async removeNetwork(network: string): Promise<void> {
    await this.#engine().removeNetwork(network);
  }

  /** Room that images which are not here yet are going to take, bytes, as far as that can be seen. */
  async imageRoom(images: readonly string[], signal: AbortSignal): Promise<number> {
    const sizes = images.map((image) => imageRoom(this.#engine(), image, this.#options, signal));
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  }

  /** Brings an image here; its id, and how its program is started. */
  async image(
    image: string,
    operation: Operation,
  ): Promise<{ readonly id: string; readonly config: ImageConfig }> {
    const engine = this.#engine();
    const name = await prepareImage(engine, image, this.#options, operation);
    const { Id: id, Config } = await engine.client.images.inspect(name, { signal: operation.signal });
    return { id, config: Config ?? {} };
  }

  /** Runs work on the files of an image that is here; the folder is for reading only. */
  withImageFiles<T>(id: string, work: (folder: string) => Promise<T>): Promise<T> {
    return this.#engine().withImageFiles(id, work);
  }

  /** Makes the workload be what the plan says, and run. */
  async run(plan: ContainerPlan, operation: Operation): Promise<void> {
    const engine = this.#engine();
    const images = new Map<string, string>();
    for (const image of plan.images)
      images.set(image, await prepareImage(engine, image, this.#options, operation));
    operation.progress(`starting ${plan.name}`);
    operation.signal.throwIfAborted();
    const { name, network, ports, limits, labels } = plan;
    const common = { name, network, ports, limits, labels };
    if (plan.type === 'kube') {
      const yaml = changeManifest(plan.yaml, { env: [], images });
      const { warnings } = await engine.playKube({ ...common, yaml });
      for (const warning of warnings) operation.progress(warning);
      return;
    }
    const { command, env, devices } = plan;
    const image = images.get(plan.images[0] ?? '') ?? '';
    await engine.runContainer({
      ...common,
      image,
      env,
      ...(devices.length > 0 ? { devices } : {}),
      ...(command.length > 0 ? { command } : {}),
    });
  }

  /** An image of this host's storage, brought there if it is not in it, and how to take it elsewhere. */
  async hostImage(image: string, operation: Operation) {
    const engine = this.#engine();
    const name = await prepareImage(engine, image, this.#options, operation);
    const { Id: id } = await engine.client.images.inspect(name, { signal: operation.signal });
    return { id, archive: (signal: AbortSignal) => engine.client.images.export(name, signal) };
  }

  async remove(name: string): Promise<void> {
    this.#diskUse.forget(name);
    await this.#engine().remove(name);
  }

  /** @throws when there is no such workload. */
  async usage(name: string): Promise<InstanceUsage> {
    const engine = this.#engine();
    const used = await engine.stats(name);
    return {
      cpuNanos: used.cpuNanos,
      memoryBytes: used.memoryBytes,
      memoryLimitBytes: used.memoryLimitBytes,
      diskBytes: await this.#diskUse.of(name, () => engine.diskBytes(name)),
      diskReadBytes: used.blockReadBytes,
      diskWriteBytes: used.blockWriteBytes,
      netInBytes: used.netInBytes,
      netOutBytes: used.netOutBytes,
    };
  }

  /** Names of the workload's containers, in order. @throws when there is no such workload. */
  async containerNames(name: string): Promise<readonly string[]> {
    return this.#engine().containerNames(name);
  }

  /** Runs a shell in a container. */
  openShell(
    container: string,
    request: Pick<ShellRequest, 'command' | 'plain'>,
    size: TerminalSize,
    signal: AbortSignal,
  ): Promise<Shell> {
    const endsSession = endsHostSessions(this.#options.clock);
    return openContainerShell({
      client: this.#engine().client,
      endsSession,
      container,
      request,
      size,
      signal,
    });
  }

  /** Puts in order what a crash left, starts what is stopped, removes what nobody knows. Names of what runs. */
  async recover(known: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    if (!this.available) return new Set();
    const engine = this.#engine();
    for (const { name } of await engine.list()) {
      if (known.has(name)) continue;
      // What cannot be removed waits for the next start: the site has others to serve.
      await engine
        .remove(name)
        .catch((error: unknown) => this.#options.logger.warn({ name, err: error }, 'Left-overs stay'));
    }
    const { workloads } = await engine.recover({ start: true });
    // Shells of an agent that was killed: nobody is left to end them.
    await endShells(
      engine.client,
      endsHostSessions(this.#options.clock),
      await engine.client.containers.list(),
    );
    return new Set(workloads.filter((w) => w.state === 'running').map((w) => w.name));
  }

  async stop(workloads: 'keep' | 'stop'): Promise<void> {
    if (!(this.#found instanceof PodmanEngine)) return;
    this.#stopping.abort(new Error('the agent is stopping'));
    await this.#watching;
    await (workloads === 'stop' ? this.#found.shutdown() : this.#found.stop());
  }

  #engine(): PodmanEngine {
    if (this.#found instanceof PodmanEngine) return this.#found;
    throw fail(localErrors.CONTAINERS_UNAVAILABLE, { reason: this.#found.reason });
  }
}
