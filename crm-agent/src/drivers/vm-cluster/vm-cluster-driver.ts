import { access, constants, mkdir, readFile, realpath } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { fail, messageOf } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import type { AppInstRuntime } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { ShellRequest, StartShell } from '../../exec/shell.js';
import { hostName } from '../../host-names.js';
import { RecordStore } from '../../records.js';
import type {
  AppInstRequest,
  ClusterInstRequest,
  Driver,
  DriverCapabilities,
  DriverContext,
  InstanceUsage,
  Operation,
  Recovered,
  SiteLimits,
} from '../driver.js';
import { localErrors } from '../local/errors.js';
import { LocalDriver } from '../local/index.js';
import type { InstancePorts } from '../public-ports.js';
import { AppFacts } from './app-facts.js';
import { planApp } from './app-plan.js';
import { ClusterApps } from './apps.js';
import { Clusters } from './clusters.js';
import type { ClusterEngines, ImageSource } from './engines.js';
import { clusterErrors } from './errors.js';
import { hostEngines } from './host-engines.js';
import { NodeKeeper } from './keeper.js';
import { reachableServers } from './node-seed.js';
import { ClusterNodes } from './nodes.js';
import { type AppRecord, type ClusterRecord, toAppRecord, toClusterRecord } from './records.js';

/** How long a node may take to shut down, milliseconds. */
const STOP_GRACE_MS = 60_000;

export interface VmClusterSettings {
  /** Virtual CPUs to offer per CPU of the host. */
  readonly cpuOvercommit: number;
  /** Folder that deploy/images/node/build.sh made; default: `node` in the image directory. */
  readonly nodeImage: string;
  /** What works on the host; tests give their own. */
  readonly engines?: (context: DriverContext, owner: string, images: ImageSource) => Promise<ClusterEngines>;
  /** Takes AppInsts of deployment `vm` and knows the host's images; default: platform `local`. */
  readonly local?: Driver & ImageSource;
}

interface Opened {
  readonly context: DriverContext;
  readonly engines: ClusterEngines;
  readonly clusters: RecordStore<ClusterRecord>;
  readonly apps: RecordStore<AppRecord>;
  readonly nodes: ClusterNodes;
  readonly workloads: ClusterApps;
  readonly facts: AppFacts;
  readonly keeper: NodeKeeper;
  readonly making: Clusters;
  /** Why there can be no clusters; empty when there can. */
  readonly reason: string;
}

/**
 * Platform `vm-cluster`: a ClusterInst is virtual machines of its flavor, its masters and nodes, on a network of their
 * own. AppInsts of deployment `docker` and `kubernetes` run in those nodes, a manifest's replicas spread over them, and
 * public ports lead to all replicas through the load balancer. AppInsts of deployment `vm` are machines beside them, as on
 * platform `local`.
 *
 * What is made is recorded first, and the record goes last, so that whatever a crash leaves can be found and removed.
 */
export class VmClusterDriver implements Driver {
  readonly name = 'vm-cluster';
  readonly #settings: VmClusterSettings;
  readonly #local: Driver & ImageSource;
  #opened: Opened | undefined;

  constructor(settings: VmClusterSettings) {
    this.#settings = settings;
    this.#local = settings.local ?? new LocalDriver(settings.cpuOvercommit);
  }

  get capabilities(): DriverCapabilities {
    const clusters = this.#opened?.reason === '';
    const { vm, publishesVmPorts } = this.#local.capabilities;
    return {
      clusterUpdate: clusters,
      appUpdate: clusters,
      vm,
      containers: clusters,
      exec: clusters,
      publishesVmPorts,
    };
  }

  async init(context: DriverContext, signal: AbortSignal): Promise<void> {
    const { stateDir, publicAddr, logger, clock, random, cloudletKey, cloudletKeyJson } = context;
    if (stateDir === undefined) throw new RangeError('the vm-cluster driver needs a state directory');
    if (!isIPv4(publicAddr)) throw fail(localErrors.BAD_PUBLIC_ADDR, { value: publicAddr });
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    const clusters = new RecordStore<ClusterRecord>(join(stateDir, 'clusters'), context.disk);
    const apps = new RecordStore<AppRecord>(join(stateDir, 'apps'), context.disk);
    await clusters.load(toClusterRecord);
    await apps.load(toAppRecord);
    const owner = hostName(
      [cloudletKey.operatorKey?.name ?? '', cloudletKey.name],
      `${cloudletKeyJson} ${stateDir}`,
    );
    const engines = await (this.#settings.engines ?? hostEngines)(context, owner, this.#local);
    // Paths of its machines and of our replicas may be on one public port, which is one nginx's.
    const publicPorts: InstancePorts = {
      set: (instance, ports) => engines.ports.set(instance, ports),
      of: (instance) => engines.ports.of(instance),
      keepOnly: (instances) =>
        engines.ports.keepOnly(new Set([...instances, ...apps.values().map(({ keyJson }) => keyJson)])),
      stop: async () => undefined,
    };
    await this.#local.init({ ...context, stateDir: join(stateDir, 'local'), publicPorts }, signal);
    const nameServers = reachableServers(await readFile('/etc/resolv.conf', 'utf8').catch(() => ''));
    const common = { engines, clusters, clock, random, logger };
    const nodes = new ClusterNodes({ ...common, cloudletKeyJson, nameServers });
    const workloads = new ClusterApps({ ...common, apps, nodes, publicAddr });
    const facts = new AppFacts({ ...common, apps, nodes });
    const keeper = new NodeKeeper({ ...common, nodes, apps: workloads });
    const image = () => this.#nodeImage(context.imageDir);
    const making = new Clusters({ ...common, nodes, apps: workloads, keeper, publicAddr, image });
    const reason = await this.#unavailable(engines, image);
    if (reason !== '') logger.warn({ reason }, 'Clusters of virtual machines are not available');
    this.#opened = { context, engines, clusters, apps, nodes, workloads, facts, keeper, making, reason };
  }

  gatherInfo(signal: AbortSignal): Promise<SiteLimits> {
    return this.#local.gatherInfo(signal);
  }

  async createClusterInst(request: ClusterInstRequest, operation: Operation): Promise<void> {
    await this.#able().making.ensure(request, operation);
  }

  /** Scales the cluster, and gives nodes another size; replicas on nodes that leave move first. */
  async updateClusterInst(request: ClusterInstRequest, operation: Operation): Promise<void> {
    await this.#able().making.ensure(request, operation);
  }

  async deleteClusterInst(keyJson: string, operation: Operation): Promise<void> {
    await this.#open().making.remove(keyJson, operation);
  }

  async createAppInst(request: AppInstRequest, operation: Operation): Promise<void> {
    if (request.app.deployment === 'vm') return this.#local.createAppInst(request, operation);
    const { workloads, context } = this.#able();
    const { cluster, plan } = this.#plan(request, context);
    await workloads.create(request.keyJson, cluster, plan, operation);
  }

  async updateAppInst(request: AppInstRequest, operation: Operation): Promise<void> {
    if (request.app.deployment === 'vm') return this.#local.updateAppInst(request, operation);
    await this.createAppInst(request, operation);
  }

  async deleteAppInst(keyJson: string, operation: Operation): Promise<void> {
    const { apps, workloads, facts } = this.#open();
    if (!apps.get(keyJson)) return this.#local.deleteAppInst(keyJson, operation);
    facts.forget(keyJson);
    await workloads.remove(keyJson, operation);
  }

  async appInstRuntime(keyJson: string, signal: AbortSignal): Promise<AppInstRuntime> {
    const { apps, facts } = this.#open();
    if (!apps.get(keyJson)) return this.#local.appInstRuntime(keyJson, signal);
    return { containerIds: [...(await facts.containerNames(keyJson))] };
  }

  async measure(keyJson: string, signal: AbortSignal): Promise<InstanceUsage> {
    const { apps, facts } = this.#open();
    return apps.get(keyJson) ? facts.usage(keyJson) : this.#local.measure(keyJson, signal);
  }

  async prepareShell(request: ShellRequest): Promise<StartShell> {
    const { apps, facts } = this.#open();
    return apps.get(request.keyJson) ? facts.prepareShell(request) : this.#local.prepareShell(request);
  }

  async recover(signal: AbortSignal): Promise<Recovered> {
    const { apps, making, reason } = this.#open();
    const machines = await this.#local.recover(signal);
    const clusters = reason === '' ? await making.recover() : new Map();
    const whole = (key: string) => clusters.get(key) === 'ready';
    return {
      clusterInsts: this.#open()
        .clusters.values()
        .map(({ keyJson, state }) => ({
          keyJson,
          state: state === 'ready' && !whole(keyJson) ? 'creating' : state,
        })),
      appInsts: [
        ...machines.appInsts,
        // What a ready cluster's nodes do not run yet, they are made to run by whoever looks after them.
        ...apps.values().map(({ keyJson, state, cluster }) => ({
          keyJson,
          state: state === 'ready' && !whole(cluster) ? ('creating' as const) : state,
        })),
      ],
    };
  }

  async stop(workloads: 'keep' | 'stop'): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    const ends: Promise<unknown>[] = [];
    if (opened) {
      await opened.keeper.stop();
      opened.nodes.close();
      const rest = async () => {
        if (workloads === 'stop') {
          await opened.nodes.shutdown(STOP_GRACE_MS);
          for (const { bridge } of opened.clusters.values()) await opened.engines.networks.remove(bridge);
        }
        await opened.engines.machines.close();
      };
      ends.push(rest());
    }
    ends.push(this.#local.stop(workloads));
    // Last, as the other driver's ports are in it too.
    if (opened) ends.push(Promise.allSettled([...ends]).then(() => opened.engines.ports.stop(workloads)));
    const failed = (await Promise.allSettled(ends)).find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
  }

  #plan(request: AppInstRequest, context: DriverContext) {
    const { deployment } = request.app;
    if (deployment !== 'docker' && deployment !== 'kubernetes')
      throw fail(clusterErrors.DEPLOYMENT_UNSUPPORTED, { deployment });
    const key = OBJECTS.AppInst.key(request.appInst)?.clusterInstKey;
    const cluster = OBJECTS.ClusterInst.keyJsonOf({ ...OBJECTS.ClusterInst.empty(), key });
    return { cluster, plan: planApp(request, cluster, context.cloudletKeyJson) };
  }

  /** The image's own folder: what a link leads to may change while machines use it. */
  async #nodeImage(imageDir: string): Promise<string> {
    const path = this.#settings.nodeImage || (imageDir === '' ? 'node' : join(imageDir, 'node'));
    try {
      const folder = await realpath(path);
      for (const file of ['disk.qcow2', 'vmlinuz', 'initrd'])
        await access(join(folder, file), constants.R_OK);
      return folder;
    } catch (error) {
      throw fail(clusterErrors.NODE_IMAGE_MISSING, { path }, { cause: error });
    }
  }

  async #unavailable(engines: ClusterEngines, image: () => Promise<string>): Promise<string> {
    const { available, reason } = await engines.machines.available();
    if (!available) return reason;
    const network = await engines.networks.unavailable();
    if (network !== undefined) return network;
    return image().then(() => '', messageOf);
  }

  #able(): Opened {
    const opened = this.#open();
    if (opened.reason === '') return opened;
    throw fail(clusterErrors.CLUSTERS_UNAVAILABLE, { reason: opened.reason });
  }

  #open(): Opened {
    if (!this.#opened) throw new Error('the driver is not running');
    return this.#opened;
  }
}
