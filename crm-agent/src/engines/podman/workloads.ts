import { type Clock, fail, isKind, type Logger, messageOf } from '@edgeplane/base';
import type { Labels } from './api-caller.js';
import type { ContainerInspect, ContainerListed } from './api-types.js';
import { removePodGroups } from './cgroups.js';
import type { PodmanClient } from './client.js';
import { podmanErrors } from './errors.js';
import { unmountBelow } from './files.js';
import type { HostPorts } from './host-ports.js';
import type { LocalImage } from './images.js';
import type { KubePlan } from './kube.js';
import { hostPortsOf } from './port-check.js';
import type { PodmanSettings } from './settings.js';
import { type ContainerSpec, containerHash, containerRequest, type KubeSpec, LABEL } from './spec.js';
import { sweepRuntime } from './sweep.js';

export interface WorkloadHandle {
  readonly name: string;
  readonly containers: readonly string[];
  /** What of a manifest has no effect here. */
  readonly warnings: readonly string[];
}

export interface WorkloadsOptions {
  readonly client: PodmanClient;
  readonly owner: string;
  readonly settings: PodmanSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ports: HostPorts;
  /** Podman's storage; none when podman is on another machine, whose processes, ports and mounts are out of reach. */
  readonly storage?: string;
}

/** Seconds a program has to end by itself before it is killed. */
const STOP_SECONDS = 5;

/**
 * The steps on containers and pods of one owner. Callers make sure that no two run for the same name at once. Each reads
 * what is there first and can be repeated after having been cut off anywhere.
 */
export class Workloads {
  readonly #client: PodmanClient;
  readonly #o: WorkloadsOptions;

  constructor(options: WorkloadsOptions) {
    this.#o = options;
    this.#client = options.client;
  }

  /** `network` is podman's name for it. */
  async run(spec: ContainerSpec, image: LocalImage, network: string): Promise<WorkloadHandle> {
    const [existing] = await this.inspect(spec.name);
    const current = existing?.Config.Labels?.[LABEL.hash] === containerHash(spec, image.id);
    if (existing && current && (existing.State.Running || (await this.#startsAgain(spec.name)))) {
      return { name: spec.name, containers: [existing.Id], warnings: [] };
    }
    if (existing) await this.remove(spec.name);
    const { owner, settings } = this.#o;
    const request = containerRequest(spec, { owner, network, imageId: image.id, settings });
    const ports = spec.ports ?? [];
    const id = await this.#o.ports.run(spec.name, ports, () =>
      this.#making(spec.name, async () => {
        const made = await this.#client.containers.create(request);
        await this.#client.containers.start(spec.name);
        return made;
      }),
    );
    this.#o.logger.info({ name: spec.name, id, image: image.ref }, 'Container runs');
    return { name: spec.name, containers: [id], warnings: [] };
  }

  async play(spec: KubeSpec, plan: KubePlan, network: string): Promise<WorkloadHandle> {
    const existing = await this.list(spec.name);
    const wanted = plan.pods.flatMap((pod) => pod.containers);
    const has = (name: string) =>
      existing.some((c) => c.Names.includes(name) && c.Labels?.[LABEL.hash] === plan.hash);
    const runs = existing.every((c) => c.State === 'running');
    if (!wanted.every(has) || !(runs || (await this.#startsAgain(spec.name)))) {
      if (existing.length > 0) await this.remove(spec.name);
      await this.#o.ports.run(spec.name, spec.ports ?? [], () =>
        this.#making(spec.name, async () => {
          for (const volume of plan.volumes)
            await this.#client.volumes.create(volume, this.#labels(spec.name));
          await this.#client.pods.playKube(spec.name, plan.yaml, [network]);
        }),
      );
      this.#o.logger.info({ name: spec.name, pods: plan.pods.map((p) => p.name) }, 'Manifest runs');
    }
    const containers = (await this.list(spec.name)).map((c) => c.Id);
    return { name: spec.name, containers, warnings: plan.warnings };
  }

  /** Starts what of a workload does not run; true when all of it runs. */
  async revive(name: string): Promise<boolean> {
    const idle = (await this.list(name)).filter((c) => c.State !== 'running');
    if (idle.length > 0) await this.start(name);
    return idle.length === 0;
  }

  /** Starts what is there. False when it cannot be started, as after a kill in the middle of its first start. */
  async #startsAgain(name: string): Promise<boolean> {
    try {
      await this.start(name);
      return true;
    } catch (error) {
      if (!isKind(error, podmanErrors.PODMAN_FAILED) && !isKind(error, podmanErrors.PODMAN_CONFLICT))
        throw error;
      this.#o.logger.warn({ name, reason: error.message }, 'Workload does not start; making it anew');
      return false;
    }
  }

  /** Undoes steps that fail. What is in their way is removed first: of one whose making was cut off nothing is seen before. */
  #making<T>(name: string, steps: () => Promise<T>): Promise<T> {
    return this.#undoing(name, async () => {
      try {
        return await steps();
      } catch (error) {
        if (!isKind(error, podmanErrors.PODMAN_CONFLICT)) throw error;
        await this.remove(name);
        return steps();
      }
    });
  }

  /** Runs steps that make something; when one fails, what they made goes, and the first error counts. */
  async #undoing<T>(name: string, steps: () => Promise<T>): Promise<T> {
    try {
      return await steps();
    } catch (error) {
      await this.remove(name).catch((second: unknown) =>
        this.#o.logger.warn({ name, reason: messageOf(second) }, 'Left-overs stay until the next removal'),
      );
      throw error;
    }
  }

  #labels(name?: string): Labels {
    const owner = { [LABEL.owner]: this.#o.owner };
    return name === undefined ? owner : { ...owner, [LABEL.name]: name };
  }

  list(name?: string): Promise<ContainerListed[]> {
    return this.#client.containers.list(this.#labels(name));
  }

  /** Those of a workload that must exist. */
  async required(name: string): Promise<ContainerListed[]> {
    const listed = await this.list(name);
    if (listed.length > 0) return listed;
    throw fail(podmanErrors.PODMAN_NOT_FOUND, { kind: 'workload', name });
  }

  async inspect(name: string): Promise<ContainerInspect[]> {
    return this.#inspectAll(await this.list(name));
  }

  /** All containers of the storage, with the pods' own. */
  async inspectEverything(): Promise<ContainerInspect[]> {
    return this.#inspectAll(await this.#client.containers.list());
  }

  async #inspectAll(listed: readonly ContainerListed[]): Promise<ContainerInspect[]> {
    const found = await Promise.all(listed.map((c) => unlessGone(this.#client.containers.inspect(c.Id))));
    return found.filter((c) => c !== undefined);
  }

  async start(name: string): Promise<void> {
    const listed = await this.list(name);
    const pods = await this.#client.pods.list(this.#labels(name));
    const podIds = new Set(pods.map((pod) => pod.Id));
    // With the pods' own containers, which hold the ports.
    const all = (await this.#client.containers.list()).filter(
      (c) => podIds.has(c.Pod) || listed.some(({ Id }) => Id === c.Id),
    );
    await this.#sweepRuntime(all.filter((c) => c.State !== 'running'));
    const idle = all.every((c) => c.State !== 'running');
    await this.#o.ports.run(name, idle ? hostPortsOf(all) : [], async () => {
      for (const pod of pods) await this.#client.pods.start(pod.Name);
      for (const { Id, Pod } of listed) if (Pod === '') await this.#client.containers.start(Id);
    });
  }

  async #sweepRuntime(containers: readonly ContainerListed[]): Promise<void> {
    if (this.#o.storage === undefined) return;
    const ids = containers.map((c) => c.Id);
    await sweepRuntime(this.#o.settings.runtime, ids, this.#o.clock);
  }

  async stop(name: string): Promise<void> {
    await this.#despiteHung(new Set(), async (seen) => {
      const { pods, single } = await this.#partsOf(name, seen);
      await Promise.all([
        ...pods.map((pod) => unlessGone(this.#client.pods.stop(pod.Name, STOP_SECONDS))),
        ...single.map((c) => unlessGone(this.#client.containers.stop(c.Id, STOP_SECONDS))),
      ]);
    });
  }

  /**
   * Removes pods, containers and volumes of the workload. A container whose making was cut off may exist in storage
   * only, without labels: it is found by its name.
   */
  remove(name: string): Promise<void> {
    return this.#despiteHung(new Set(), (seen) => this.#removeSeen(name, seen));
  }

  /**
   * Runs steps after which the containers they see do not run. Podman gives up on a container whose conmon hangs, and
   * on one whose mounts it does not know: when the steps fail, both go, and the steps are tried once more.
   */
  async #despiteHung(seen: Set<string>, steps: (seen: Set<string>) => Promise<void>): Promise<void> {
    try {
      await steps(seen);
    } catch (error) {
      const { storage, settings, clock, logger } = this.#o;
      if (storage === undefined || !isKind(error, podmanErrors.PODMAN_FAILED)) throw error;
      const reason = messageOf(error);
      logger.warn({ reason }, 'Podman does not reach a container; ending what looks after it');
      // Of a pod, podman names containers that it does not list.
      for (const [id] of reason.matchAll(/\b[0-9a-f]{64}\b/g)) seen.add(id);
      await sweepRuntime(settings.runtime, [...seen], clock);
      await this.#unmount([...seen]);
      await steps(seen);
    }
  }

  /** What podman lists of the workload, whose containers are added to `seen`. */
  async #partsOf(name: string, seen: Set<string>) {
    const pods = await this.#client.pods.list(this.#labels(name));
    const podIds = new Set(pods.map((pod) => pod.Id));
    const all = await this.#client.containers.list({}, { external: true });
    const single = (await this.list(name)).filter((c) => !podIds.has(c.Pod));
    const inPods = all.filter((c) => podIds.has(c.Pod));
    for (const { Id } of [...single, ...inPods]) seen.add(Id);
    return { pods, podIds, single, inPods, all };
  }

  async #removeSeen(name: string, seen: Set<string>): Promise<void> {
    const { pods, podIds, all, inPods, ...own } = await this.#partsOf(name, seen);
    const orphan = (c: ContainerListed) =>
      c.State === 'storage' &&
      (seen.has(c.Id) || c.Names.some((n) => n === name || n.startsWith(`${name}-`)));
    const single = [...own.single, ...all.filter(orphan)];
    for (const { Id } of single) seen.add(Id);
    for (const pod of pods) await unlessGone(this.#client.pods.remove(pod.Name));
    for (const { Id } of single) await unlessGone(this.#client.containers.remove(Id));
    await this.#sweepRuntime([...single, ...inPods]);
    if (this.#o.storage !== undefined) await removePodGroups([...podIds], this.#o.clock);
    for (const volume of await this.#client.volumes.list(this.#labels(name))) {
      await unlessGone(this.#client.volumes.remove(volume.Name));
    }
  }

  /**
   * A podman that was killed between a mount and its record of it does not unmount, and fails to remove what is below. Only
   * for containers that do not run, or are not to.
   */
  async #unmount(ids: readonly string[]): Promise<void> {
    const { storage, logger } = this.#o;
    if (storage === undefined) return;
    await unmountBelow(
      ids.map((id) => `${storage}/overlay-containers/${id}`),
      logger,
    );
  }

  /**
   * Storage no container record points at. The storage is ours alone, so all of it is left over. What cannot be
   * removed stays for the next time: it keeps nobody else from working.
   */
  async removeOrphans(): Promise<void> {
    const { logger } = this.#o;
    for (const orphan of await this.#orphans()) {
      const { Id: id, Names: names } = orphan;
      logger.info({ id, names }, 'Removing storage without a container');
      await this.#unmount([id]);
      await unlessGone(this.#client.containers.remove(id)).catch((error: unknown) =>
        logger.warn({ id, names, err: error }, 'Storage without a container stays'),
      );
    }
  }

  async #orphans(): Promise<ContainerListed[]> {
    return (await this.#client.containers.list({}, { external: true })).filter((c) => c.State === 'storage');
  }

  /** Whatever else carries our label: pods without containers, volumes. */
  async removeRest(): Promise<void> {
    for (const pod of await this.#client.pods.list(this.#labels()))
      await unlessGone(this.#client.pods.remove(pod.Name));
    for (const volume of await this.#client.volumes.list(this.#labels())) {
      await unlessGone(this.#client.volumes.remove(volume.Name));
    }
  }
}

/** Undefined when the object is not there: somebody was faster, or podman restarted the step. */
async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isKind(error, podmanErrors.PODMAN_NOT_FOUND)) return undefined;
    throw error;
  }
}
