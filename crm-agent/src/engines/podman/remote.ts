import type { Readable } from 'node:stream';
import { type Clock, KeyedTurns, type Logger, messageOf } from '@edgeplane/base';
import { PodmanClient } from './client.js';
import { HostPorts } from './host-ports.js';
import type { CallOptions, Endpoint } from './http.js';
import { Images } from './images.js';
import { planKube } from './kube.js';
import { Networks } from './networks.js';
import type { PodmanSettings } from './settings.js';
import { type ContainerSpec, checkSpec, type KubeSpec } from './spec.js';
import type { WorkloadSummary } from './status.js';
import type { WorkloadUsage } from './usage.js';
import { WorkloadFigures } from './workload-figures.js';
import { type WorkloadHandle, Workloads } from './workloads.js';

export interface RemotePodmanOptions {
  readonly endpoint: Endpoint;
  /** Marks everything made. */
  readonly owner: string;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** A machine of its own that was set up for it: nothing has to be found out by trying. */
const SETTINGS: PodmanSettings = {
  runtime: 'runc',
  cgroupManager: 'systemd',
  ulimits: [],
  limits: true,
  storageDriver: 'overlay',
  network: 'bridge',
};

const NETWORK = 'edgeplane';

/**
 * Containers and Kubernetes manifests on the podman of another machine, which somebody else runs and which serves this
 * owner alone. As with the engine of this host, each call may be repeated, also after a crash in the middle of it.
 * Nothing is held but what `endpoint` holds.
 */
export class RemotePodman {
  readonly client: PodmanClient;
  readonly figures: WorkloadFigures;
  readonly #workloads: Workloads;
  readonly #images: Images;
  readonly #networks: Networks;
  readonly #owner: string;
  readonly #locks = new KeyedTurns();

  constructor({ endpoint, owner, logger, clock }: RemotePodmanOptions) {
    this.client = new PodmanClient(endpoint, clock);
    this.#owner = owner;
    this.#workloads = new Workloads({
      client: this.client,
      ...{ owner, settings: SETTINGS, clock, logger, ports: new HostPorts() },
    });
    this.figures = new WorkloadFigures(this.client, this.#workloads, owner);
    this.#images = new Images(this.client);
    this.#networks = new Networks(this.client, owner, '');
  }

  /** Why it does not answer; undefined when it does. */
  async silence(options: CallOptions = {}): Promise<string | undefined> {
    return this.client.reach(options).then(() => undefined, messageOf);
  }

  hasImage(id: string, options: CallOptions = {}): Promise<boolean> {
    return this.client.images.exists(id, options);
  }

  /** Loads a docker or OCI archive. */
  async loadImage(id: string, archive: () => Promise<Readable>, options: CallOptions = {}): Promise<void> {
    await this.#locks.run(`image ${id}`, async () => {
      if (await this.hasImage(id, options)) return;
      await this.client.images.load(await archive(), options);
    });
  }

  /** Makes the container of this name be what `spec` says, and run. Its image must be there. */
  async runContainer(spec: ContainerSpec): Promise<WorkloadHandle> {
    checkSpec(spec);
    const image = await this.#images.ensure(spec.image);
    const network = await this.#network();
    return this.#locks.run(spec.name, () => this.#workloads.run(spec, image, network));
  }

  /** Makes the workload of this name be what the manifest says, and run. Its images must be there. */
  async playKube(spec: KubeSpec): Promise<WorkloadHandle> {
    checkSpec(spec);
    const plan = planKube(spec, { owner: this.#owner, limits: SETTINGS.limits });
    const network = await this.#network();
    return this.#locks.run(spec.name, () => this.#workloads.play(spec, plan, network));
  }

  /** Removes the workload with its pods and volumes; nothing happens when there is none. */
  async remove(name: string): Promise<void> {
    await this.#locks.run(name, () => this.#workloads.remove(name));
  }

  list(): Promise<WorkloadSummary[]> {
    return this.figures.list();
  }

  stats(name: string): Promise<WorkloadUsage> {
    return this.figures.stats(name);
  }

  /** Removes storage without a container, as a machine that was cut off may leave it. */
  async recover(): Promise<void> {
    await this.#workloads.removeOrphans();
  }

  #network(): Promise<string> {
    return this.#locks.run('network', () => this.#networks.ensure(NETWORK));
  }
}
