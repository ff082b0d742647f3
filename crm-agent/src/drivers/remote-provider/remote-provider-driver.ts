import { fail } from '@edgeplane/base';
import type { AppInstRuntime } from '@edgeplane/proto/edgeproto/app_inst.js';
import { agentErrors } from '../../errors.js';
import type { ShellRequest, StartShell } from '../../exec/shell.js';
import { withTimeLimit } from '../../time-limit.js';
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
import { limitsOf } from '../remote/capacity.js';
import { remoteErrors } from '../remote/errors.js';
import { RemoteInstances } from '../remote/instances.js';
import { wantedPorts } from '../remote/reach.js';
import { Repeating } from '../remote/repeating.js';
import { REMOTE_TIMING, type RemoteTiming } from '../remote/timing.js';
import { nodeKey, RemoteClusters } from './clusters.js';
import { usageOf } from './facts.js';
import { type MachinePlan, planVm, sameButSize } from './machine-plan.js';
import type { MachineRecord } from './records.js';
import type { RemoteProviderSettings } from './settings.js';
import { openSite, type Site } from './site.js';

interface Opened extends Site {
  readonly instances: RemoteInstances<MachinePlan>;
  readonly making: RemoteClusters;
}

/**
 * Platform `remote-provider`: a cloudlet without a host of its own. AppInsts of deployment `vm` are machines that a VirtRigaud
 * provider makes, whatever is behind it; public ports are opened by the load balancer beside this agent and lead to the
 * addresses, or forwarded ports, that the provider tells. A ClusterInst is machines too when an image for them is named, but
 * nothing can be run in them from here: no containers, no shells.
 */
export class RemoteProviderDriver implements Driver {
  readonly name = 'remote-provider';
  readonly #settings: RemoteProviderSettings;
  readonly #timing: RemoteTiming;
  #opened: Opened | undefined;
  #sweeping: Repeating | undefined;

  constructor(settings: RemoteProviderSettings, timing: RemoteTiming = REMOTE_TIMING) {
    this.#settings = settings;
    this.#timing = timing;
  }

  get capabilities(): DriverCapabilities {
    const clusterUpdate = this.#settings.nodeImage !== '';
    return {
      ...{ clusterUpdate, appUpdate: true, vm: true, containers: false, exec: false },
      publishesVmPorts: true,
    };
  }

  async init(context: DriverContext, signal: AbortSignal): Promise<void> {
    const site = await openSite(this.name, context, this.#settings, this.#timing);
    const instances = new RemoteInstances({ ...site, timing: this.#timing });
    this.#opened = { ...site, instances, making: new RemoteClusters({ ...site, instances }) };
    const { provider } = site;
    const { clock, logger } = context;
    // It may come later: nothing here depends on it.
    const fault = await withTimeLimit(clock, this.#timing.recoverMs, signal, (limited) =>
      provider.fault(limited),
    ).catch((error: unknown) => String(error));
    signal.throwIfAborted();
    if (fault !== '') logger.warn({ provider: provider.peer, reason: fault }, 'The provider is not ready');
  }

  async gatherInfo(): Promise<SiteLimits> {
    return limitsOf(this.name, this.#settings.capacity);
  }

  async createClusterInst(request: ClusterInstRequest, operation: Operation): Promise<void> {
    await this.#open().making.ensure(request, operation);
  }

  async updateClusterInst(request: ClusterInstRequest, operation: Operation): Promise<void> {
    if (!this.capabilities.clusterUpdate)
      throw fail(agentErrors.CLUSTER_UPDATE_UNSUPPORTED, { platform: this.name });
    await this.#open().making.ensure(request, operation);
  }

  async deleteClusterInst(keyJson: string, operation: Operation): Promise<void> {
    await this.#open().making.remove(keyJson, operation);
  }

  async createAppInst(request: AppInstRequest, operation: Operation): Promise<void> {
    const { instances, plan } = this.#open();
    const ports = wantedPorts(request.appInst.mappedPorts);
    await instances.ensureApp(request.keyJson, planVm(request, plan), ports, operation);
  }

  /** CPUs and memory; anything else would cost the machine its disk. */
  async updateAppInst(request: AppInstRequest, operation: Operation): Promise<void> {
    const { records, plan } = this.#open();
    const existing = records.get(request.keyJson);
    if (existing && !sameButSize(existing.plan, planVm(request, plan)))
      throw fail(remoteErrors.UPDATE_UNSUPPORTED, {
        platform: this.name,
        changes: 'vcpus and ram of the flavor',
      });
    await this.createAppInst(request, operation);
  }

  async deleteAppInst(keyJson: string, operation: Operation): Promise<void> {
    await this.#open().instances.removeApp(keyJson, operation);
  }

  async appInstRuntime(keyJson: string): Promise<AppInstRuntime> {
    this.#required(keyJson);
    return { containerIds: [] };
  }

  async measure(keyJson: string): Promise<InstanceUsage> {
    const { plan } = this.#required(keyJson);
    return usageOf(plan, this.#open().instances.facts(keyJson));
  }

  async prepareShell({ keyJson }: ShellRequest): Promise<StartShell> {
    this.#required(keyJson);
    throw fail(remoteErrors.NO_SHELL, { platform: this.name });
  }

  async recover(signal: AbortSignal): Promise<Recovered> {
    const { apps, clusters, publicPorts, instances, machines, plan, context } = this.#open();
    await publicPorts.keepOnly(new Set(apps.values().map(({ keyJson }) => keyJson)));
    const stateOf = (state: InstanceState, keyJsons: readonly string[]) =>
      state === 'ready' ? instances.takeUp(keyJsons, signal) : state;
    const recovered = {
      clusterInsts: await Promise.all(
        clusters.values().map(async ({ keyJson, state, nodes }) => ({
          keyJson,
          state: await stateOf(
            state,
            nodes.map((node) => nodeKey(keyJson, node)),
          ),
        })),
      ),
      appInsts: await Promise.all(
        apps
          .values()
          .map(async ({ keyJson, state }) => ({ keyJson, state: await stateOf(state, [keyJson]) })),
      ),
    };
    const { clock, random, logger } = context;
    this.#sweeping ??= new Repeating({
      ...{ what: 'looking for leftovers', everyMs: this.#timing.sweepMs, clock, random, logger },
      work: (stopped) => machines.sweep(plan.prefix, stopped),
    });
    return recovered;
  }

  async stop(workloads: 'keep' | 'stop'): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    if (!opened) return;
    await this.#sweeping?.stop();
    await opened.instances.stop();
    if (workloads === 'stop') await this.#switchOff(opened);
    await opened.publicPorts.stop(workloads);
    opened.provider.close();
  }

  async #switchOff({ records, machines, context }: Opened): Promise<void> {
    const { clock, logger } = context;
    const signal = new AbortController().signal;
    const limitMs = 2 * this.#timing.graceMs + this.#timing.recoverMs;
    const ends = records
      .values()
      .map(({ keyJson, plan }) =>
        withTimeLimit(clock, limitMs, signal, (limited) => machines.switchOff(keyJson, limited)).catch(
          (error: unknown) => logger.warn({ err: error, vm: plan.name }, 'A machine does not stop'),
        ),
      );
    await Promise.all(ends);
  }

  #required(keyJson: string): MachineRecord {
    const { records, apps } = this.#open();
    const record = apps.get(keyJson) && records.get(keyJson);
    if (!record) throw fail(agentErrors.NOT_PRESENT, { kind: 'app instance', key: keyJson });
    return record;
  }

  #open(): Opened {
    if (!this.#opened) throw new Error('the driver is not running');
    return this.#opened;
  }
}
