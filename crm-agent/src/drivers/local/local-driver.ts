import { fail } from '@edgeplane/base';
import type { AppInstRuntime } from '@edgeplane/proto/edgeproto/app_inst.js';
import { agentErrors } from '../../errors.js';
import type { ShellRequest, StartShell } from '../../exec/shell.js';
import type { Need } from '../../site/admission.js';
import { HOST } from '../../site/host-paths.js';
import { readMemory } from '../../site/memory.js';
import { hostLimits } from '../../site/site-limits.js';
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
import { networkName } from './container-plan.js';
import { DISPLAY } from './display.js';
import { localErrors } from './errors.js';
import { type AppRecord, isMachine } from './local-record.js';
import { planWork } from './plan-work.js';
import { LOCAL, type LocalPlatform } from './platform.js';
import { openSite, type Site } from './site.js';

/**
 * Platforms `local` and `microvm`: real workloads on the agent's own host. A ClusterInst is a network; AppInsts of
 * deployment `docker` and `kubernetes` are containers on it (podman), those of deployment `vm` are virtual machines (QEMU)
 * with a network of their own. On `microvm` docker AppInsts are virtual machines too, made of their container image.
 * TCP and UDP ports that have a public port are opened on the public address by podman and QEMU themselves. HTTP ports
 * share one public port and are told apart by path: there the load balancer listens.
 *
 * What is made is recorded first, and the record goes last, so that whatever a crash leaves can be found and removed.
 */
export class LocalDriver implements Driver {
  readonly #platform: LocalPlatform;
  readonly #cpuOvercommit: number;
  #site: Site | undefined;

  /** @param cpuOvercommit virtual CPUs to offer per CPU of the host */
  constructor(cpuOvercommit = 1, platform: LocalPlatform = LOCAL) {
    this.#cpuOvercommit = cpuOvercommit;
    this.#platform = platform;
  }

  get name(): string {
    return this.#platform.name;
  }

  get capabilities(): DriverCapabilities {
    const inContainers = this.#platform.kinds['docker'] === 'container';
    const vm = this.#site?.machines.available ?? false;
    const podman = this.#site?.containers.available ?? false;
    const containers = podman && (inContainers || vm);
    return {
      clusterUpdate: false,
      appUpdate: containers,
      vm,
      containers,
      exec: containers && inContainers,
      publishesVmPorts: vm,
    };
  }

  async init(context: DriverContext, signal: AbortSignal): Promise<void> {
    this.#site = await openSite(context, signal);
  }

  async gatherInfo(): Promise<SiteLimits> {
    const { stateDir, devices } = this.#open();
    return hostLimits(stateDir, this.#cpuOvercommit, await readMemory(HOST), devices);
  }

  async createClusterInst({ keyJson, clusterInst }: ClusterInstRequest, operation: Operation): Promise<void> {
    const { containers, clusters, context } = this.#open();
    // Machines have networks of their own.
    const needed = Object.values(this.#platform.kinds).some((kind) => kind === 'container');
    const network = needed ? networkName(clusterInst.key?.clusterKey?.name ?? '', keyJson) : '';
    await clusters.put({ keyJson, network, state: 'creating' });
    operation.progress(needed ? `making network ${network}` : 'nothing is to be made');
    operation.signal.throwIfAborted();
    const labels = { cloudlet: context.cloudletKeyJson, clusterInst: keyJson };
    if (needed) await containers.ensureNetwork(network, labels);
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
    for (const app of apps.values())
      if (app.cluster === keyJson) await this.deleteAppInst(app.keyJson, operation);
    operation.progress(`removing network ${record.network}`);
    operation.signal.throwIfAborted();
    // Without podman nothing can be there any more, nor be removed.
    if (containers.available && record.network !== '') await containers.removeNetwork(record.network);
    await clusters.delete(keyJson);
  }

  async createAppInst(request: AppInstRequest, operation: Operation): Promise<void> {
    const { apps, publicPorts, admission } = this.#open();
    const { keyJson } = request;
    const { record, balanced, run, imageRoom } = await planWork(request, this.#open(), this.#platform);
    const existing = apps.get(keyJson);
    if (existing && (existing.type !== record.type || existing.plan !== record.plan))
      await this.#remove(existing, operation);
    await apps.put({ ...record, keyJson, state: 'creating' });
    operation.signal.throwIfAborted();
    // What was begun has its room, or has taken it.
    const begun = existing?.plan === record.plan;
    const imageMb = begun ? 0 : (await imageRoom(operation.signal)) / 1024 ** 2;
    const work = () => run(operation);
    await (begun ? work() : admission.admit(needOf(request, imageMb), work));
    for (const { port, pathPrefix } of balanced) operation.progress(`opening port ${port} /${pathPrefix}`);
    operation.signal.throwIfAborted();
    await publicPorts.set(keyJson, balanced);
    await apps.put({ ...record, keyJson, state: 'ready' });
  }

  /** Containers are made anew with the new limits and environment; the disk of a machine would be lost by that. */
  async updateAppInst(request: AppInstRequest, operation: Operation): Promise<void> {
    const existing = this.#open().apps.get(request.keyJson);
    const { record } = await planWork(request, this.#open(), this.#platform);
    if (existing?.type === 'vm' && existing.plan !== record.plan)
      throw fail(localErrors.VM_UPDATE_UNSUPPORTED);
    await this.createAppInst(request, operation);
  }

  async deleteAppInst(keyJson: string, operation: Operation): Promise<void> {
    const { apps, innerPorts, devicePool } = this.#open();
    const record = apps.get(keyJson);
    if (record) await this.#remove(record, operation);
    innerPorts.release(keyJson);
    devicePool.release(keyJson);
  }

  async appInstRuntime(keyJson: string): Promise<AppInstRuntime> {
    const { type, name } = this.#required(keyJson);
    if (isMachine({ type })) return { containerIds: [] };
    return { containerIds: [...(await this.#open().containers.containerNames(name))] };
  }

  async measure(keyJson: string): Promise<InstanceUsage> {
    const { containers, machines } = this.#open();
    const { type, name } = this.#required(keyJson);
    return isMachine({ type }) ? machines.usage(name) : containers.usage(name);
  }

  async prepareShell(request: ShellRequest): Promise<StartShell> {
    const { containers, machines } = this.#open();
    const { keyJson, containerId, command } = request;
    const { type, name, state } = this.#required(keyJson);
    if (state !== 'ready') throw fail(agentErrors.NOT_RUNNING, { key: keyJson, state });
    if (isMachine({ type }) && containerId === DISPLAY && command === '') {
      if (!request.plain) throw fail(localErrors.DISPLAY_PLAIN);
      await machines.checkDisplay(name);
      return () => machines.openDisplay(name);
    }
    if (isMachine({ type })) {
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

  /** An image of this host, for who runs it elsewhere. @throws naming it and where it was looked for */
  hostImage(image: string, operation: Operation) {
    return this.#open().containers.hostImage(image, operation);
  }

  async recover(): Promise<Recovered> {
    const { clusters, apps, containers, machines, microvms, publicPorts } = this.#open();
    const records = apps.values();
    await publicPorts.keepOnly(new Set(records.map((r) => r.keyJson)));
    const names = (wanted: (record: AppRecord) => boolean) =>
      new Set(records.filter(wanted).map((r) => r.name));
    for (const { state, network } of clusters.values())
      if (state === 'ready' && network !== '' && containers.available)
        await containers.ensureNetwork(network, {});
    const running = new Set([
      ...(await containers.recover(names((r) => !isMachine(r)))),
      ...(await machines.recover(
        names(isMachine),
        names((r) => isMachine(r) && r.state === 'ready'),
      )),
    ]);
    await microvms.prune();
    const whole = ({ name, keyJson, inner }: AppRecord) =>
      running.has(name) && publicPorts.of(keyJson).length === inner.length;
    const stateOf = (record: AppRecord): InstanceState =>
      record.state === 'ready' && !whole(record) ? 'creating' : record.state;
    return {
      clusterInsts: clusters.values().map(({ keyJson, state }) => ({
        keyJson,
        state: state === 'ready' && !containers.available ? 'creating' : state,
      })),
      appInsts: records.map((record) => ({ keyJson: record.keyJson, state: stateOf(record) })),
    };
  }

  async stop(workloads: 'keep' | 'stop'): Promise<void> {
    const site = this.#site;
    this.#site = undefined;
    if (!site) return;
    site.restarts.stop();
    const parts = [site.machines, site.containers, site.publicPorts];
    const ends = parts.map((part) => part.stop(workloads));
    const failed = (await Promise.allSettled(ends)).find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
  }

  async #remove(record: AppRecord, operation: Operation): Promise<void> {
    const { context, apps, containers, machines, microvms, publicPorts, restarts } = this.#open();
    await apps.put({ ...record, state: 'deleting' });
    operation.progress(`removing ${record.name}`);
    operation.signal.throwIfAborted();
    await publicPorts.set(record.keyJson, []);
    const { type, name } = record;
    const host = type === 'vm' ? machines : type === 'microvm' ? microvms : containers;
    await host.remove(name);
    restarts.forget(name);
    context.troubles.clear(record.keyJson);
    await apps.delete(record.keyJson);
  }

  #required(keyJson: string): AppRecord {
    const record = this.#open().apps.get(keyJson);
    if (!record) throw fail(agentErrors.NOT_PRESENT, { kind: 'app instance', key: keyJson });
    return record;
  }

  #open(): Site {
    if (!this.#site) throw new Error('the driver is not running');
    return this.#site;
  }
}

function needOf({ flavor }: AppInstRequest, imageMb: number): Need {
  const { key, ram, disk } = flavor;
  return { flavor: key?.name ?? '', memoryMb: Number(ram), diskMb: Number(disk) * 1024, imageMb };
}
