import { fail } from '@edgeplane/base';
import type { AppInstRuntime } from '@edgeplane/proto/edgeproto/app_inst.js';
import { agentErrors } from '../../errors.js';
import type { ShellRequest, StartShell } from '../../exec/shell.js';
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
import { type Capacity, limitsOf } from '../remote/capacity.js';
import { remoteErrors } from '../remote/errors.js';
import { RemoteInstances } from '../remote/instances.js';
import { wantedPorts } from '../remote/reach.js';
import { Repeating } from '../remote/repeating.js';
import { REMOTE_TIMING, type RemoteTiming } from '../remote/timing.js';
import { type MicrovmPlan, planMicrovm } from './microvm-plan.js';
import type { MicrovmRecord } from './records.js';
import { openSite, type Site } from './site.js';

export interface RemoteMicrovmSettings {
  /** Path of the list of hosts. */
  readonly hostsFile: string;
  /** What they have, as the API does not tell. */
  readonly capacity: Capacity | undefined;
}

/** Real hosts try for eighteen minutes before they give up; users hear why it takes so long after this. */
const TIMING: RemoteTiming = { ...REMOTE_TIMING, upMs: 1_200_000 };
const MIB = 1024 ** 2;

interface Opened extends Site {
  readonly instances: RemoteInstances<MicrovmPlan>;
}

/**
 * Platform `remote-microvm`: docker AppInsts are microVMs on flintlock hosts, spread over them. Public ports are opened by the
 * load balancer beside this agent and lead to addresses that it gives the machines. A ClusterInst is nothing but a record.
 */
export class RemoteMicrovmDriver implements Driver {
  readonly name = 'remote-microvm';
  /** The API knows no change, no console and no way in. */
  readonly capabilities: DriverCapabilities = {
    ...{ clusterUpdate: false, appUpdate: false, vm: false, containers: true, exec: false },
    publishesVmPorts: false,
  };
  readonly #settings: RemoteMicrovmSettings;
  readonly #timing: RemoteTiming;
  #opened: Opened | undefined;
  #sweeping: Repeating | undefined;

  constructor(settings: RemoteMicrovmSettings, timing: RemoteTiming = TIMING) {
    this.#settings = settings;
    this.#timing = timing;
  }

  async init(context: DriverContext): Promise<void> {
    const site = await openSite(context, this.#settings.hostsFile, this.#timing);
    this.#opened = { ...site, instances: new RemoteInstances({ ...site, timing: this.#timing }) };
  }

  async gatherInfo(): Promise<SiteLimits> {
    return limitsOf(this.name, this.#settings.capacity);
  }

  async createClusterInst({ keyJson }: ClusterInstRequest, operation: Operation): Promise<void> {
    operation.progress('nothing is to be made');
    await this.#open().clusters.put({ keyJson, state: 'ready' });
  }

  async updateClusterInst(): Promise<void> {
    throw fail(agentErrors.CLUSTER_UPDATE_UNSUPPORTED, { platform: this.name });
  }

  async deleteClusterInst(keyJson: string): Promise<void> {
    await this.#open().clusters.delete(keyJson);
  }

  async createAppInst(request: AppInstRequest, operation: Operation): Promise<void> {
    const { instances, context } = this.#open();
    const plan = planMicrovm(request, { platform: this.name, cloudletKeyJson: context.cloudletKeyJson });
    const ports = wantedPorts(request.appInst.mappedPorts);
    await instances.ensureApp(request.keyJson, plan, ports, operation);
  }

  async updateAppInst(request: AppInstRequest, operation: Operation): Promise<void> {
    const { records, context } = this.#open();
    const plan = planMicrovm(request, { platform: this.name, cloudletKeyJson: context.cloudletKeyJson });
    const existing = records.get(request.keyJson);
    if (existing && JSON.stringify(existing.plan) !== JSON.stringify(plan))
      throw fail(remoteErrors.UPDATE_UNSUPPORTED, { platform: this.name, changes: 'nothing' });
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
    return { memoryLimitBytes: this.#required(keyJson).plan.memoryMb * MIB };
  }

  async prepareShell({ keyJson }: ShellRequest): Promise<StartShell> {
    this.#required(keyJson);
    throw fail(remoteErrors.NO_SHELL, { platform: this.name });
  }

  async recover(signal: AbortSignal): Promise<Recovered> {
    const { apps, clusters, publicPorts, instances, machines, context } = this.#open();
    await publicPorts.keepOnly(new Set(apps.values().map(({ keyJson }) => keyJson)));
    const appInsts = await Promise.all(
      apps.values().map(async ({ keyJson, state }) => ({
        ...{ keyJson, state: state === 'ready' ? await instances.takeUp([keyJson], signal) : state },
      })),
    );
    const { clock, random, logger } = context;
    this.#sweeping ??= new Repeating({
      ...{ what: 'looking for leftovers', everyMs: this.#timing.sweepMs, clock, random, logger },
      work: (stopped) => machines.sweep(stopped),
    });
    return { clusterInsts: clusters.values(), appInsts };
  }

  /** Machines run on either way: hosts cannot be told to stop one that is to come back. */
  async stop(workloads: 'keep' | 'stop'): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    if (!opened) return;
    await this.#sweeping?.stop();
    await opened.instances.stop();
    await opened.publicPorts.stop(workloads);
    for (const host of opened.hosts) host.close();
  }

  #required(keyJson: string): MicrovmRecord {
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
