import { mkdir } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { fail } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import type { AppInstRuntime } from '@edgeplane/proto/edgeproto/app_inst.js';
import { agentErrors } from '../../errors.js';
import type { ShellRequest, StartShell } from '../../exec/shell.js';
import { hostName, shortHash } from '../../host-names.js';
import { RecordStore } from '../../records.js';
import type {
  AppInstRequest,
  ClusterInstRequest,
  Driver,
  DriverCapabilities,
  DriverContext,
  InstanceState,
  InstanceUsage,
  Operation,
  Recovered,
  SiteLimits,
} from '../driver.js';
import { type ContainerPlan, networkName, planContainers } from './container-plan.js';
import { ContainerHost } from './containers.js';
import { localErrors } from './errors.js';
import { findVmImage } from './image-files.js';
import { type AppRecord, type ClusterRecord, toAppRecord, toClusterRecord } from './local-record.js';
import { MachineHost } from './machines.js';
import { planPorts } from './ports.js';
import { hostLimits } from './site-limits.js';
import { planVm } from './vm-plan.js';

/** Work on one AppInst, ready to be done. */
interface Work {
  readonly record: Omit<AppRecord, 'keyJson' | 'state'>;
  run(operation: Operation): Promise<void>;
}

interface Opened {
  readonly context: DriverContext;
  readonly containers: ContainerHost;
  readonly machines: MachineHost;
  readonly clusters: RecordStore<ClusterRecord>;
  readonly apps: RecordStore<AppRecord>;
}

/**
 * Platform `local`: real workloads on the agent's own host. A ClusterInst is a network; AppInsts of deployment `docker`
 * and `kubernetes` are containers on it (podman), those of deployment `vm` are virtual machines (QEMU) with a network of
 * their own. TCP and UDP ports that have a public port are opened on the public address. HTTP ports share one public
 * port and are told apart by path: they are reached once a load balancer for them runs, and until then not at all.
 *
 * What is made is recorded first, and the record goes last, so that whatever a crash leaves can be found and removed.
 */
export class LocalDriver implements Driver {
  readonly name = 'local';
  readonly #cpuOvercommit: number;
  #opened: Opened | undefined;

  /** @param cpuOvercommit virtual CPUs to offer per CPU of the host */
  constructor(cpuOvercommit = 1) {
    this.#cpuOvercommit = cpuOvercommit;
  }

  get capabilities(): DriverCapabilities {
    const containers = this.#opened?.containers.available ?? false;
    const vm = this.#opened?.machines.available ?? false;
    return {
      clusterUpdate: false,
      appUpdate: containers,
      vm,
      containers,
      exec: containers,
      publishesVmPorts: vm,
    };
  }

  async init(context: DriverContext, signal: AbortSignal): Promise<void> {
    const { stateDir, publicAddr: value, logger, clock, random, imageDir } = context;
    if (stateDir === undefined) throw new RangeError('the local driver needs a state directory');
    if (!isIPv4(value)) throw fail(localErrors.BAD_PUBLIC_ADDR, { value });
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    const clusters = new RecordStore<ClusterRecord>(join(stateDir, 'clusters'));
    const apps = new RecordStore<AppRecord>(join(stateDir, 'apps'));
    await clusters.load(toClusterRecord);
    await apps.load(toAppRecord);
    const { cloudletKey, cloudletKeyJson } = context;
    const readable = [cloudletKey.operatorKey?.name ?? '', cloudletKey.name];
    // With the folder, as two agents of one cloudlet may share a host while one replaces the other.
    const owner = hostName(readable, `${cloudletKeyJson} ${stateDir}`);
    const machines = new MachineHost({ stateDir: join(stateDir, 'qemu'), logger, clock, random });
    await machines.init();
    const podman = { owner, stateDir: join(stateDir, 'podman'), imageDir, logger, clock };
    const containers = await ContainerHost.open(podman, signal);
    this.#opened = { context, containers, machines, clusters, apps };
  }

  gatherInfo(): Promise<SiteLimits> {
    return hostLimits(this.#open().context.stateDir ?? '/', this.#cpuOvercommit);
  }

  async createClusterInst({ keyJson, clusterInst }: ClusterInstRequest, operation: Operation): Promise<void> {
    const { containers, clusters, context } = this.#open();
    const network = networkName(clusterInst.key?.clusterKey?.name ?? '', keyJson);
    await clusters.put({ keyJson, network, state: 'creating' });
    operation.progress(`making network ${network}`);
    operation.signal.throwIfAborted();
    await containers.ensureNetwork(network, { cloudlet: context.cloudletKeyJson, clusterInst: keyJson });
    await clusters.put({ keyJson, network, state: 'ready' });
  }

  async updateClusterInst(): Promise<void> {
    throw fail(agentErrors.CLUSTER_UPDATE_UNSUPPORTED, { platform: this.name });
  }

  async deleteClusterInst(keyJson: string, operation: Operation): Promise<void> {
    const { containers, clusters, apps } = this.#open();
    const record = clusters.get(keyJson);
    if (!record) return;
    await clusters.put({ ...record, state: 'deleting' });
    // The controller allows it only when no AppInst is left; what it has forgotten must not hold the network.
    for (const app of apps.values()) if (app.cluster === keyJson) await this.#remove(app, operation);
    operation.progress(`removing network ${record.network}`);
    operation.signal.throwIfAborted();
    // Without podman nothing can be there any more, nor be removed.
    if (containers.available) await containers.removeNetwork(record.network);
    await clusters.delete(keyJson);
  }

  async createAppInst(request: AppInstRequest, operation: Operation): Promise<void> {
    const { apps } = this.#open();
    const { keyJson } = request;
    const { record, run } = await this.#plan(request);
    const existing = apps.get(keyJson);
    if (existing && (existing.type !== record.type || existing.plan !== record.plan))
      await this.#remove(existing, operation);
    await apps.put({ ...record, keyJson, state: 'creating' });
    operation.signal.throwIfAborted();
    for (const { internalPort } of planPorts(request.appInst.mappedPorts, '').byPath)
      operation.progress(`port ${internalPort} is reached by path, which needs a load balancer`);
    await run(operation);
    await apps.put({ ...record, keyJson, state: 'ready' });
  }

  /** Containers are made anew with the new limits and environment; the disk of a machine would be lost by that. */
  async updateAppInst(request: AppInstRequest, operation: Operation): Promise<void> {
    const existing = this.#open().apps.get(request.keyJson);
    const { record } = await this.#plan(request);
    if (existing?.type === 'vm' && existing.plan !== record.plan)
      throw fail(localErrors.VM_UPDATE_UNSUPPORTED);
    await this.createAppInst(request, operation);
  }

  async deleteAppInst(keyJson: string, operation: Operation): Promise<void> {
    const record = this.#open().apps.get(keyJson);
    if (record) await this.#remove(record, operation);
  }

  async appInstRuntime(keyJson: string): Promise<AppInstRuntime> {
    const { type, name } = this.#required(keyJson);
    if (type === 'vm') return { containerIds: [] };
    return { containerIds: [...(await this.#open().containers.containerNames(name))] };
  }

  async measure(keyJson: string): Promise<InstanceUsage> {
    const { containers, machines } = this.#open();
    const { type, name } = this.#required(keyJson);
    return type === 'vm' ? machines.usage(name) : containers.usage(name);
  }

  async prepareShell(request: ShellRequest): Promise<StartShell> {
    const { containers, machines } = this.#open();
    const { keyJson, containerId, command } = request;
    const { type, name, state } = this.#required(keyJson);
    if (state !== 'ready') throw fail(agentErrors.NOT_RUNNING, { key: keyJson, state });
    if (type === 'vm') {
      const value = containerId || command;
      // What older callers ask for when they want something to talk to.
      const shell = containerId === '' && /^(|(\/bin\/)?(ba)?sh)$/.test(command);
      if (!shell) throw fail(localErrors.CONSOLE_ONLY, { value });
      await machines.checkConsole(name);
      return () => machines.openConsole(name, request.plain);
    }
    const names = await containers.containerNames(name);
    const container = containerId === '' ? names[0] : names.find((n) => n === containerId);
    if (container !== undefined)
      return (size, signal) => containers.openShell(container, request, size, signal);
    if (containerId === '') throw fail(agentErrors.NO_CONTAINERS);
    throw fail(agentErrors.NOT_PRESENT, { kind: 'container', key: containerId });
  }

  async recover(): Promise<Recovered> {
    const { clusters, apps, containers, machines } = this.#open();
    const records = apps.values();
    const names = (wanted: (record: AppRecord) => boolean) =>
      new Set(records.filter(wanted).map((r) => r.name));
    for (const { state, network } of clusters.values())
      if (state === 'ready' && containers.available) await containers.ensureNetwork(network, {});
    const running = new Set([
      ...(await containers.recover(names((r) => r.type !== 'vm'))),
      ...(await machines.recover(
        names((r) => r.type === 'vm'),
        names((r) => r.type === 'vm' && r.state === 'ready'),
      )),
    ]);
    const stateOf = (record: AppRecord): InstanceState =>
      record.state === 'ready' && !running.has(record.name) ? 'creating' : record.state;
    return {
      clusterInsts: clusters.values().map(({ keyJson, state }) => ({
        keyJson,
        state: state === 'ready' && !containers.available ? 'creating' : state,
      })),
      appInsts: records.map((record) => ({ keyJson: record.keyJson, state: stateOf(record) })),
    };
  }

  async stop(workloads: 'keep' | 'stop'): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    if (!opened) return;
    const ends = [opened.machines.stop(workloads), opened.containers.stop(workloads)];
    const failed = (await Promise.allSettled(ends)).find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
  }

  async #plan(request: AppInstRequest): Promise<Work> {
    const { context, containers, machines } = this.#open();
    const { deployment, imagePath } = request.app;
    switch (deployment) {
      case 'vm': {
        const spec = planVm(request, await findVmImage(imagePath, context.imageDir), context);
        return {
          record: { type: 'vm', name: spec.id, cluster: '', plan: shortHash(JSON.stringify(spec)) },
          async run({ signal, progress }) {
            progress(`starting virtual machine ${spec.id}`);
            signal.throwIfAborted();
            await machines.run(spec);
          },
        };
      }
      case 'docker':
      case 'kubernetes': {
        const clusterKey = OBJECTS.AppInst.key(request.appInst)?.clusterInstKey;
        const cluster = OBJECTS.ClusterInst.keyJsonOf({ ...OBJECTS.ClusterInst.empty(), key: clusterKey });
        const plan: ContainerPlan = planContainers(request, cluster, context);
        return {
          record: { type: plan.type, name: plan.name, cluster, plan: shortHash(JSON.stringify(plan)) },
          run: (operation) => containers.run(plan, operation),
        };
      }
      default:
        throw fail(localErrors.DEPLOYMENT_UNSUPPORTED, { deployment });
    }
  }

  async #remove(record: AppRecord, operation: Operation): Promise<void> {
    const { apps, containers, machines } = this.#open();
    await apps.put({ ...record, state: 'deleting' });
    operation.progress(`removing ${record.name}`);
    operation.signal.throwIfAborted();
    await (record.type === 'vm' ? machines.remove(record.name) : containers.remove(record.name));
    await apps.delete(record.keyJson);
  }

  #required(keyJson: string): AppRecord {
    const record = this.#open().apps.get(keyJson);
    if (!record) throw fail(agentErrors.NOT_PRESENT, { kind: 'app instance', key: keyJson });
    return record;
  }

  #open(): Opened {
    if (!this.#opened) throw new Error('the driver is not running');
    return this.#opened;
  }
}
