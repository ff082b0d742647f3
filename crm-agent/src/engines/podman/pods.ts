import { type Clock, fail, isKind, type Logger } from '@edgeplane/base';
import type { ContainerInspect, ContainerListed, PodListed } from './api-types.js';
import type { PodmanClient } from './client.js';
import { podmanErrors } from './errors.js';
import type { HostPorts } from './host-ports.js';
import type { CallOptions } from './http.js';
import {
  type PodContainerSpec,
  partName,
  podContainerHash,
  podContainerRequest,
  podRequest,
  type SandboxSpec,
} from './pod-spec.js';
import type { PodmanSettings } from './settings.js';
import { checkName, LABEL, specHash } from './spec.js';
import { sweepRuntime } from './sweep.js';

/** What podman knows of a pod. */
export interface PodFacts {
  /** False when its sandbox does not run, as after a boot. */
  readonly up: boolean;
  readonly addresses: readonly string[];
  /** By name in the pod, without the sandbox's own. */
  readonly containers: ReadonlyMap<string, ContainerInspect>;
}

export interface PodsOptions {
  readonly client: PodmanClient;
  readonly owner: string;
  readonly settings: PodmanSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ports: HostPorts;
  /** Resolves when podman takes calls. */
  readonly ready: () => Promise<void>;
  /** Podman's name of a network, which is made when needed. */
  readonly network: (name: string) => Promise<string>;
  /** Does what needs room, and says so when there is none. */
  readonly roomy: <T>(work: () => Promise<T>) => Promise<T>;
}

/**
 * Pods made part by part: a sandbox that holds addresses, ports, limits and volumes, and containers that come, run, stop
 * and go in it. Each step may be repeated, also after a crash in the middle of it: what exists is compared with what is
 * wanted by a hash in its labels. Callers make sure that no two run for the same pod at once. A whole pod is removed as any
 * workload of its name.
 */
export class Pods {
  readonly #o: PodsOptions;
  readonly #client: PodmanClient;

  constructor(options: PodsOptions) {
    this.#o = options;
    this.#client = options.client;
  }

  /** Makes the sandbox be what `spec` says, and run. Its containers go when it has to be made anew. */
  async ensureSandbox(spec: SandboxSpec): Promise<void> {
    checkName('name', spec.name);
    await this.#o.ready();
    await this.#o.roomy(() => this.#makeSandbox(spec));
  }

  async #makeSandbox(spec: SandboxSpec): Promise<void> {
    const pod = await this.#find(spec.name);
    const { infra } = await this.#parts(spec.name);
    const current = infra !== undefined && pod?.Labels?.[LABEL.hash] === specHash(spec);
    if (pod && current && (await this.#startsAgain(() => this.#startSandbox(spec), spec.name))) return;
    if (pod) await this.#client.pods.remove(pod.Name);
    const { owner, settings } = this.#o;
    const mine = { [LABEL.owner]: owner, [LABEL.name]: spec.name };
    for (const { name, inMemory } of spec.volumes) {
      const volume = partName(spec.name, name);
      if (await this.#client.volumes.exists(volume)) continue;
      await this.#client.volumes.create(volume, mine, { inMemory });
    }
    const network = spec.network === null ? null : await this.#o.network(spec.network);
    await this.#client.pods.create(podRequest(spec, { owner, network, settings }));
    await this.#startSandbox(spec);
  }

  /** @throws PODMAN_NOT_FOUND; PODMAN_PORT_IN_USE naming the port */
  async #startSandbox({ name, ports }: Pick<SandboxSpec, 'name' | 'ports'>): Promise<void> {
    await this.#o.ready();
    const { infra } = await this.#parts(name);
    if (!infra) throw fail(podmanErrors.PODMAN_NOT_FOUND, { kind: 'pod', name });
    if (infra.State === 'running') return;
    await this.#sweep([infra]);
    await this.#o.ports.run(name, ports, () => this.#client.containers.start(infra.Id));
  }

  /** Makes the container be what `spec` says, and run; one that runs by another spec is stopped first. */
  async runContainer(pod: string, spec: PodContainerSpec): Promise<void> {
    checkName('container', spec.name);
    await this.#o.roomy(() => this.#runContainer(pod, spec));
  }

  async #runContainer(pod: string, spec: PodContainerSpec): Promise<void> {
    const existing = await this.#container(pod, spec.name);
    const current = existing?.Labels?.[LABEL.hash] === podContainerHash(spec);
    if (existing && current) {
      if (existing.State === 'running') return;
      if (await this.#startsAgain(() => this.#start(existing), partName(pod, spec.name))) return;
    }
    if (existing) await this.#client.containers.remove(existing.Id);
    await this.#create(pod, spec);
    await this.#start(await this.#required(pod, spec.name));
  }

  /** One whose making was cut off may be in podman's storage only: its name is taken, and nobody has it. */
  async #create(pod: string, spec: PodContainerSpec): Promise<void> {
    const request = podContainerRequest(pod, spec, this.#o);
    try {
      await this.#client.containers.create(request);
    } catch (error) {
      if (!isKind(error, podmanErrors.PODMAN_CONFLICT)) throw error;
      const all = await this.#client.containers.list({}, { external: true });
      const cutOff = all.find((c) => c.State === 'storage' && c.Names.includes(request.name));
      if (!cutOff) throw error;
      await this.#client.containers.remove(cutOff.Id);
      await this.#client.containers.create(request);
    }
  }

  async #start(container: ContainerListed): Promise<void> {
    await this.#sweep([container]);
    await this.#client.containers.start(container.Id);
  }

  /** False when what is there cannot be started, as after a kill in the middle of its first start. */
  async #startsAgain(start: () => Promise<void>, name: string): Promise<boolean> {
    try {
      await start();
      return true;
    } catch (error) {
      if (!isKind(error, podmanErrors.PODMAN_FAILED) && !isKind(error, podmanErrors.PODMAN_CONFLICT))
        throw error;
      this.#o.logger.warn({ name, reason: error.message }, 'It does not start; making it anew');
      return false;
    }
  }

  /** Waits until its program has ended; its exit code. */
  async ended(pod: string, name: string, options: CallOptions): Promise<number> {
    const { Id } = await this.#required(pod, name);
    return this.#client.containers.wait(Id, ['stopped', 'exited'], options);
  }

  /** Asks it to end and kills it after `graceSeconds`; podman does not start it again. Nothing happens when it does not run. */
  async stopContainer(pod: string, name: string, graceSeconds: number): Promise<void> {
    const found = await this.#container(pod, name);
    if (!found) return;
    const deadlineMs = (graceSeconds + 60) * 1000;
    try {
      await this.#client.containers.stop(found.Id, graceSeconds, { deadlineMs });
    } catch (error) {
      if (!isKind(error, podmanErrors.PODMAN_NOT_FOUND)) throw error;
    }
  }

  /** Undefined when there is no such pod. */
  async facts(name: string): Promise<PodFacts | undefined> {
    await this.#o.ready();
    if (!(await this.#find(name))) return undefined;
    const { infra, others } = await this.#parts(name);
    const inspect = (c: ContainerListed) => this.#client.containers.inspect(c.Id);
    const sandbox = infra && (await inspect(infra));
    const networks = Object.values(sandbox?.NetworkSettings.Networks ?? {});
    const containers = new Map<string, ContainerInspect>();
    for (const each of others) {
      const own = (each.Names[0] ?? '').slice(name.length + 1);
      containers.set(own, await inspect(each));
    }
    return {
      up: sandbox?.State.Running ?? false,
      addresses: networks.map((n) => n.IPAddress ?? '').filter(Boolean),
      containers,
    };
  }

  /** Names of all pods of the owner. */
  async names(): Promise<readonly string[]> {
    await this.#o.ready();
    return (await this.#client.pods.list({ [LABEL.owner]: this.#o.owner })).map((pod) => pod.Name);
  }

  /** The id of a container in a pod. @throws PODMAN_NOT_FOUND */
  async containerId(pod: string, name: string): Promise<string> {
    return (await this.#required(pod, name)).Id;
  }

  async #find(name: string): Promise<PodListed | undefined> {
    const listed = await this.#client.pods.list({ [LABEL.owner]: this.#o.owner });
    return listed.find((pod) => pod.Name === name);
  }

  async #parts(pod: string): Promise<{ infra: ContainerListed | undefined; others: ContainerListed[] }> {
    const listed = (await this.#client.containers.list()).filter((c) => c.PodName === pod);
    return { infra: listed.find((c) => c.IsInfra), others: listed.filter((c) => !c.IsInfra) };
  }

  async #container(pod: string, name: string): Promise<ContainerListed | undefined> {
    await this.#o.ready();
    return (await this.#parts(pod)).others.find((c) => c.Names.includes(partName(pod, name)));
  }

  async #required(pod: string, name: string): Promise<ContainerListed> {
    const found = await this.#container(pod, name);
    if (found) return found;
    throw fail(podmanErrors.PODMAN_NOT_FOUND, { kind: 'container', name: partName(pod, name) });
  }

  /** A start that was cut off leaves a monitor and the runtime's state behind. */
  #sweep(containers: readonly ContainerListed[]): Promise<void> {
    return sweepRuntime(
      this.#o.settings.runtime,
      containers.map((c) => c.Id),
      this.#o.clock,
    );
  }
}
