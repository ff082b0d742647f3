import { rm, statfs } from 'node:fs/promises';
import {
  type Clock,
  diskErrors,
  EdgeplaneError,
  fail,
  isKind,
  KeyedTurns,
  type Logger,
} from '@edgeplane/base';
import type { Labels } from './api-caller.js';
import type { ExecResult } from './api-types.js';
import { PodmanClient } from './client.js';
import { type Death, watchContainers, watchDeaths } from './death-watch.js';
import { podmanErrors } from './errors.js';
import { HostPorts } from './host-ports.js';
import { type CallOptions, unixEndpoint } from './http.js';
import { ImageFiles } from './image-files.js';
import { type EnsureImageOptions, Images, type LocalImage } from './images.js';
import { planKube } from './kube.js';
import { type PodmanLayout, podmanLayout } from './layout.js';
import { Networks } from './networks.js';
import { Pods } from './pods.js';
import { probePodman } from './probe.js';
import { readProgress } from './pull-watch.js';
import { available } from './requirements.js';
import { PodmanService } from './service.js';
import { type PodmanSettings, SLIRP_MODE } from './settings.js';
import { type ContainerSpec, checkSpec, type KubeSpec, LABEL } from './spec.js';
import { claimStateDir, releaseStateDir } from './state-dir.js';
import type { WorkloadStatus, WorkloadSummary } from './status.js';
import { sweepHost, sweepNetworks, sweepRules } from './sweep.js';
import type { WorkloadUsage } from './usage.js';
import { WorkloadFigures } from './workload-figures.js';
import { type WorkloadHandle, Workloads } from './workloads.js';

export interface PodmanEngineOptions {
  /** Id of the agent; marks everything the engine makes. */
  readonly owner: string;
  readonly stateDir: string;
  /** Defaults to a short directory under /run that belongs to `stateDir`. */
  readonly runDir?: string;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Skips the probe. */
  readonly settings?: PodmanSettings;
  /** How long a registry may send nothing, milliseconds; default a minute. */
  readonly stallMs?: number;
  /** Gives up opening. */
  readonly signal?: AbortSignal;
}

export interface OwnedObjects {
  readonly containers: readonly string[];
  readonly pods: readonly string[];
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
}

export interface RecoverReport {
  readonly workloads: readonly WorkloadSummary[];
  readonly started: readonly string[];
  readonly failed: readonly { readonly name: string; readonly error: EdgeplaneError }[];
}

const DEFAULT_NETWORK = 'edgeplane';
/** With less than this nothing that podman does can be relied upon. */
const NO_ROOM_BYTES = 128 * 1024;

/**
 * Containers and Kubernetes manifests on a private podman. Each call may be repeated, also after a crash in the middle of
 * it: what exists is compared with what is wanted by a hash in its labels, and made anew when it differs.
 * A container belongs to podman's storage, not to this object: `stop` leaves all of them running.
 */
export class PodmanEngine {
  readonly #o: PodmanEngineOptions;
  readonly #layout: PodmanLayout;
  readonly #settings: PodmanSettings;
  readonly #service: PodmanService;
  readonly #images: Images;
  readonly #imageFiles: ImageFiles;
  readonly #networks: Networks;
  readonly #workloads: Workloads;
  readonly #figures: WorkloadFigures;
  readonly #locks = new KeyedTurns();
  #released = false;
  readonly client: PodmanClient;
  /** Pods made part by part. */
  readonly pods: Pods;

  private constructor(options: PodmanEngineOptions, layout: PodmanLayout, settings: PodmanSettings) {
    this.#o = options;
    this.#layout = layout;
    this.#settings = settings;
    this.client = new PodmanClient(unixEndpoint(layout.socket), options.clock);
    const progress = () => readProgress(layout.scratchDir, this.#service.pid);
    const { stallMs } = options;
    const stall = stallMs === undefined ? {} : { stallMs };
    this.#images = new Images(this.client, { clock: options.clock, progress, ...stall });
    this.#imageFiles = new ImageFiles(layout, settings);
    this.#networks = new Networks(this.client, options.owner, layout.stateDir);
    const { logger, clock, owner } = options;
    const { client } = this;
    const keeper = { pid: () => this.#service.pid, nudge: () => client.containers.list() };
    const ports = new HostPorts({ clock, logger, ...keeper });
    const common = { client, owner, settings, clock, logger, ports };
    this.#workloads = new Workloads({ ...common, storage: layout.root });
    this.#figures = new WorkloadFigures(this.client, this.#workloads, owner);
    this.#service = new PodmanService({ layout, settings, logger, clock, ping: () => this.client.ping() });
    this.pods = new Pods({
      ...common,
      ready: () => this.#service.ready(),
      network: (name) => this.#networkFor(name),
      roomy: (work) => this.#roomy(work),
    });
  }

  /** Probes the host unless it did so since the last boot, starts the private service, returns a working engine. */
  static async open(options: PodmanEngineOptions): Promise<PodmanEngine> {
    const layout = podmanLayout(options.stateDir, options.runDir);
    const host = await available();
    if (!host.ok) {
      const packages = host.missing.join(', ') || 'none';
      const reason = host.reason === undefined ? '' : `; ${host.reason}`;
      throw fail(podmanErrors.PODMAN_NOT_INSTALLED, { packages, reason });
    }
    await claimStateDir(layout, options.logger);
    try {
      const settings = options.settings ?? (await probePodman(layout, options)).settings;
      const engine = new PodmanEngine(options, layout, settings);
      try {
        await engine.#service.start();
        return engine;
      } catch (error) {
        await engine.#service.stop();
        throw error;
      }
    } catch (error) {
      await releaseStateDir(layout);
      throw error;
    }
  }

  /** Tells of each container whose program ends, also of those that were stopped, until the signal aborts. */
  watchDeaths(told: (death: Death) => void, signal: AbortSignal): Promise<void> {
    const { owner, clock, logger } = this.#o;
    return watchDeaths({ client: this.client, owner, clock, logger }, told, signal);
  }

  /** Tells the name of each workload of which a container starts or ends, until the signal aborts. */
  watchChanges(told: (name: string) => void, signal: AbortSignal): Promise<void> {
    const { owner, clock, logger } = this.#o;
    const { client } = this;
    const changed = ({ name }: Death) => told(name);
    return watchContainers({ client, owner, clock, logger }, ['start', 'died'], changed, signal);
  }

  get settings(): PodmanSettings {
    return this.#settings;
  }

  /** Process id of the podman service; changes when it was restarted. */
  get servicePid(): number | undefined {
    return this.#service.pid;
  }

  get #mine(): Labels {
    return { [LABEL.owner]: this.#o.owner };
  }

  // ---- networks and images

  async ensureNetwork(name: string, labels: Labels = {}): Promise<void> {
    await this.#service.ready();
    await this.#locks.run(`network ${name}`, () => this.#networks.ensure(name, labels));
  }

  async removeNetwork(name: string): Promise<void> {
    await this.#service.ready();
    await this.#locks.run(`network ${name}`, async () => {
      const removed = await this.#networks.remove(name);
      if (removed) await sweepRules([removed], this.#o.logger);
    });
  }

  /** `docker-archive:/path`, `oci-archive:/path`, `oci:/dir`, or a registry reference, which is pulled if not here. */
  async ensureImage(ref: string, options: EnsureImageOptions = {}): Promise<LocalImage> {
    await this.#service.ready();
    return this.#roomy(() => this.#locks.run(`image ${ref}`, () => this.#images.ensure(ref, options)));
  }

  /** Runs work on the files of an image in local storage; the folder is for reading only. */
  withImageFiles<T>(id: string, work: (folder: string) => Promise<T>): Promise<T> {
    return this.#locks.run(`files ${id}`, () => this.#imageFiles.with(id, work));
  }

  // ---- workloads

  /** Makes the container of this name be what `spec` says, and run. */
  async runContainer(spec: ContainerSpec): Promise<WorkloadHandle> {
    checkSpec(spec);
    const [image, network] = await Promise.all([
      this.ensureImage(spec.image),
      this.#networkFor(spec.network),
    ]);
    return this.#roomy(() => this.#locks.run(spec.name, () => this.#workloads.run(spec, image, network)));
  }

  /** Makes the workload of this name be what the manifest says, and run. See kube.ts for what a manifest means here. */
  async playKube(spec: KubeSpec): Promise<WorkloadHandle> {
    checkSpec(spec);
    const plan = planKube(spec, { owner: this.#o.owner, limits: this.#settings.limits });
    for (const ref of plan.images) await this.ensureImage(ref);
    const network = await this.#networkFor(spec.network);
    return this.#roomy(() => this.#locks.run(spec.name, () => this.#workloads.play(spec, plan, network)));
  }

  /**
   * Starts what of a workload does not run, although podman should have started it again: it does not on a full disk, nor
   * when it is killed meanwhile. True when all of it ran already, or there is none.
   */
  async revive(name: string): Promise<boolean> {
    await this.#service.ready();
    return this.#roomy(() => this.#locks.run(name, () => this.#workloads.revive(name)));
  }

  /** Removes the workload with its pods and volumes; nothing happens when there is none. */
  async remove(name: string): Promise<void> {
    await this.#service.ready();
    await this.#roomy(() => this.#locks.run(name, () => this.#workloads.remove(name)));
  }

  /** On a full disk podman fails with all sorts of words. @throws DISK_FULL then */
  async #roomy<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isKind(error, podmanErrors.PODMAN_FAILED)) throw error;
      const path = this.#layout.stateDir;
      const { bavail, bsize } = await statfs(path);
      if (bavail * bsize >= NO_ROOM_BYTES) throw error;
      throw fail(diskErrors.DISK_FULL, { path, reason: error.message }, { cause: error });
    }
  }

  // ---- questions

  async list(labels: Labels = {}): Promise<WorkloadSummary[]> {
    return (await this.#ready()).list(labels);
  }

  async status(name: string): Promise<WorkloadStatus> {
    return (await this.#ready()).status(name);
  }

  async stats(name: string): Promise<WorkloadUsage> {
    return (await this.#ready()).stats(name);
  }

  async diskBytes(name: string): Promise<number> {
    return (await this.#ready()).diskBytes(name);
  }

  async logs(name: string, tail = 100): Promise<string> {
    return (await this.#ready()).logs(name, tail);
  }

  async containerNames(name: string): Promise<readonly string[]> {
    return (await this.#ready()).containerNames(name);
  }

  async exec(
    name: string,
    argv: readonly string[],
    options: CallOptions & { readonly container?: string } = {},
  ): Promise<ExecResult> {
    return (await this.#ready()).exec(name, argv, options);
  }

  /** Questions can be asked once the service takes them. */
  async #ready(): Promise<WorkloadFigures> {
    await this.#service.ready();
    return this.#figures;
  }

  /** All that carries this owner's label, by name. */
  async listOwned(): Promise<OwnedObjects> {
    await this.#service.ready();
    const [containers, pods, networks, volumes] = await Promise.all([
      this.client.containers.list(this.#mine),
      this.client.pods.list(this.#mine),
      this.client.networks.list(this.#mine),
      this.client.volumes.list(this.#mine),
    ]);
    return {
      containers: containers.map((c) => c.Names[0] ?? c.Id),
      pods: pods.map((p) => p.Name),
      networks: networks.map((n) => n.name),
      volumes: volumes.map((v) => v.Name),
    };
  }

  // ---- life

  /**
   * Puts in order what a crash or reboot left: storage without a container, namespaces and firewall rules without
   * a user. With `start`, every workload that does not run is started; the owner removes what it no longer wants.
   */
  async recover(options: { readonly start?: boolean } = {}): Promise<RecoverReport> {
    await this.#service.ready();
    await this.#workloads.removeOrphans();
    await this.#imageFiles.hideAll();
    await this.#sweepNetworks();
    const started: string[] = [];
    const failed: { name: string; error: EdgeplaneError }[] = [];
    for (const workload of options.start ? await this.list() : []) {
      if (workload.state === 'running') continue;
      try {
        await this.#locks.run(workload.name, () => this.#workloads.start(workload.name));
        started.push(workload.name);
      } catch (error) {
        if (!(error instanceof EdgeplaneError)) throw error;
        this.#o.logger.warn({ name: workload.name, err: error }, 'Workload does not start');
        failed.push({ name: workload.name, error });
      }
    }
    return { workloads: await this.list(), started, failed };
  }

  /** Ends the podman service and nothing else: containers keep running and a later engine finds them. */
  async stop(): Promise<void> {
    await this.#service.stop();
    await this.#release();
  }

  /**
   * Stops every container and leaves no process, mount, interface or firewall rule. Containers stay in storage as
   * stopped, and `open` followed by `recover({ start: true })` brings them back with the same disk, ports and
   * limits. With `removeAll` they go too, with their volumes and networks; images always stay.
   */
  async shutdown(options: { readonly removeAll?: boolean } = {}): Promise<void> {
    await this.#service.ready();
    const listed = await this.client.containers.list(this.#mine);
    const names = new Set(listed.map((c) => c.Labels?.[LABEL.name]).filter((n) => n !== undefined));
    await Promise.all([...names].map((name) => this.#locks.run(name, () => this.#workloads.stop(name))));
    if (options.removeAll) {
      for (const name of names) await this.#locks.run(name, () => this.#workloads.remove(name));
      await this.#workloads.removeRest();
    }
    await this.#workloads.removeOrphans();
    await this.#sweepNetworks();
    if (options.removeAll) {
      for (const network of await this.#networks.list()) await this.client.networks.remove(network.name);
    }
    await this.#service.stop();
    await sweepHost(this.#layout, this.#o.clock, this.#o.logger);
    if (options.removeAll) await rm(this.#layout.runDir, { recursive: true, force: true });
    await this.#release();
  }

  /** Once: afterwards the directory may belong to another engine. */
  async #release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await releaseStateDir(this.#layout);
  }

  /** Podman's word for the network a workload goes on. */
  async #networkFor(name = DEFAULT_NETWORK): Promise<string> {
    if (this.#settings.network !== 'bridge') return SLIRP_MODE;
    return this.#locks.run(`network ${name}`, () => this.#networks.ensure(name));
  }

  async #sweepNetworks(): Promise<void> {
    if (this.#settings.network !== 'bridge') return;
    // Pods' infra containers hold the addresses and carry no labels, so all containers of this storage are asked.
    const all = await this.#workloads.inspectEverything();
    const namespaces = all.filter((c) => c.State.Running).map((c) => c.NetworkSettings.SandboxKey ?? '');
    await sweepNetworks(await this.#networks.use(all), new Set(namespaces), this.#o.clock, this.#o.logger);
  }
}
