import { readFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { type Clock, fail, isKind, KeyedTurns, type Logger, messageOf } from '@edgeplane/base';
import {
  type ContainerInspect,
  type PodContainerSpec,
  PodmanEngine,
  podmanErrors,
  type SandboxSpec,
} from '../../engines/podman/index.js';
import { portTaken } from '../../engines/process/index.js';
import { imageRoom, prepareImage } from '../../site/container-images.js';
import { hostTurn, OPENING } from '../../site/host-turn.js';
import { auraeErrors } from './errors.js';
import type { ContainerFacts, HostOffer, ImageWish, PodFacts, PodHost, PodImage } from './pod-host.js';
import { type PodPrograms, podmanPrograms } from './pod-programs.js';

export interface PodmanHostOptions {
  /** Marks everything made; differs between agents and doors of one host. */
  readonly owner: string;
  readonly stateDir: string;
  readonly imageDir: string;
  /** File with credentials of registries; empty when there is none. */
  readonly registryAuth: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Pods on a private podman: its conmon keeps watch over containers, and goes on when this process ends. */
export class PodmanHost implements PodHost {
  readonly #options: PodmanHostOptions;
  readonly #networks = new KeyedTurns();
  readonly engine: PodmanEngine;
  readonly offer: HostOffer;

  private constructor(options: PodmanHostOptions, engine: PodmanEngine) {
    this.#options = options;
    this.engine = engine;
    const { limits, network } = engine.settings;
    this.offer = { limits, addresses: network === 'bridge' };
  }

  /** @throws PODS_UNAVAILABLE with the reason */
  static async open(options: PodmanHostOptions, signal: AbortSignal): Promise<PodmanHost> {
    const { owner, stateDir, logger, clock } = options;
    try {
      const engine = await hostTurn(OPENING, clock, signal, () =>
        PodmanEngine.open({ owner, stateDir, logger, clock, signal }),
      );
      return new PodmanHost(options, engine);
    } catch (error) {
      signal.throwIfAborted();
      throw fail(auraeErrors.PODS_UNAVAILABLE, { reason: messageOf(error) }, { cause: error });
    }
  }

  imageBytes(image: string, signal: AbortSignal): Promise<number> {
    return imageRoom(this.engine, image, this.#options, signal);
  }

  async image({ image, pull }: ImageWish, signal: AbortSignal): Promise<PodImage> {
    const { images } = this.engine.client;
    const { imageDir, registryAuth, logger } = this.#options;
    const progress = (text: string) => logger.debug({ image }, text);
    const places = { imageDir, registryAuth, pull };
    const ref = await prepareImage(this.engine, image, places, { signal, progress });
    const { Id: id, Digest: digest } = await images.inspect(ref, { signal });
    return { id, digest };
  }

  ensureSandbox(spec: SandboxSpec): Promise<void> {
    const work = () => this.engine.pods.ensureSandbox(spec);
    return spec.network === null ? work() : this.#networks.run(spec.network, work);
  }

  leaveNetwork(name: string): Promise<void> {
    return this.#networks.run(name, async () => {
      try {
        await this.engine.removeNetwork(name);
      } catch (error) {
        if (!isKind(error, podmanErrors.PODMAN_CONFLICT)) throw error;
      }
    });
  }

  run(pod: string, spec: PodContainerSpec): Promise<void> {
    return this.engine.pods.runContainer(pod, spec);
  }

  ended(pod: string, container: string, signal: AbortSignal): Promise<number> {
    return this.engine.pods.ended(pod, container, { signal, deadlineMs: 24 * 3_600_000 });
  }

  stop(pod: string, container: string, graceMs: number): Promise<void> {
    return this.engine.pods.stopContainer(pod, container, Math.ceil(graceMs / 1000));
  }

  remove(pod: string): Promise<void> {
    return this.engine.remove(pod);
  }

  async facts(pod: string): Promise<PodFacts | undefined> {
    const facts = await this.engine.pods.facts(pod);
    if (!facts) return undefined;
    const containers = [...facts.containers].map(([name, inspect]) => [name, factsOf(inspect)] as const);
    return { ...facts, addresses: facts.addresses.filter((a) => isIPv4(a)), containers: new Map(containers) };
  }

  names(): Promise<readonly string[]> {
    return this.engine.pods.names();
  }

  async exec(pod: string, container: string, argv: readonly string[], timeoutMs: number): Promise<number> {
    const id = await this.engine.pods.containerId(pod, container);
    const { exitCode } = await this.engine.client.containers.exec(id, argv, { deadlineMs: timeoutMs });
    return exitCode;
  }

  portHeldBy(layer: 'tcp' | 'udp', address: string, port: number): Promise<string | undefined> {
    return portTaken({ layer, address: address || '0.0.0.0', port });
  }

  async userOf(pid: number): Promise<{ readonly uid: number; readonly gid: number }> {
    const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
    return { uid: read('Uid'), gid: read('Gid') };
  }

  watchChanges(told: (pod: string) => void, signal: AbortSignal): Promise<void> {
    return this.engine.watchChanges(told, signal);
  }

  /** Puts in order what a crash or a boot left. Starts nothing. */
  async recover(): Promise<void> {
    await this.engine.recover();
  }

  get programs(): PodPrograms {
    return podmanPrograms(this.engine, this.#options.clock);
  }

  close(workloads: 'keep' | 'stop'): Promise<void> {
    return workloads === 'stop' ? this.engine.shutdown() : this.engine.stop();
  }
}

function factsOf({ Id, ImageDigest, RestartCount, State }: ContainerInspect): ContainerFacts {
  return {
    ...{ id: Id, digest: ImageDigest ?? '', running: State.Running, pid: State.Pid },
    ...{ exitCode: State.ExitCode, oomKilled: State.OOMKilled, restarts: RestartCount ?? 0 },
    ...{ startedMs: timeOf(State.StartedAt), finishedMs: timeOf(State.FinishedAt ?? ''), error: State.Error },
  };
}

/** 0 for the year 1, which is how podman says never. */
function timeOf(text: string): number {
  const ms = Date.parse(text);
  return Number.isNaN(ms) || ms < 0 ? 0 : ms;
}
