import { join } from 'node:path';
import { fail, sleep } from '@edgeplane/base';
import type { AppInstRuntime } from '@edgeplane/proto/edgeproto/app_inst.js';
import { agentErrors } from '../../errors.js';
import type { ShellRequest, StartShell } from '../../exec/shell.js';
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
import { type FakeRecord, toFakeRecord } from './fake-record.js';
import { openFakeShell } from './fake-shell.js';
import {
  claimedUse,
  type FakeAnnotations,
  type FakeOperation,
  type FakeRule,
  readAnnotations,
  ruleMatches,
} from './script.js';

/** How a fake site behaves; delays in milliseconds. */
export interface FakeSettings {
  readonly createDelayMs: number;
  readonly updateDelayMs: number;
  readonly deleteDelayMs: number;
  readonly rules: readonly FakeRule[];
  /** Whether clusters can be updated; the reference's fake refuses it. */
  readonly clusterUpdate: boolean;
  /** Whether it claims to open public ports of vm AppInsts; the reference has none. */
  readonly vmPorts: boolean;
}

/** Succeeds at once, and refuses cluster updates (spec section 11.1). */
export const FAKE_DEFAULTS: FakeSettings = {
  createDelayMs: 0,
  updateDelayMs: 0,
  deleteDelayMs: 0,
  rules: [],
  clusterUpdate: false,
  vmPorts: false,
};

/**
 * Platform `fakecloudlet`: no workloads, only records of them, and scripted success, delay and failure. A script comes
 * from the settings, or per App from its annotations, which win: `fake.create=fail:<text>`, `fake.delete=fail-once:<text>`,
 * `fake.create.delay=200ms`. Deleting what is not there always succeeds.
 */
export class FakeDriver implements Driver {
  readonly name = 'fakecloudlet';
  readonly capabilities: DriverCapabilities;
  readonly #settings: FakeSettings;
  /** Failures of the once kind that have happened: operation and key. */
  readonly #spent = new Set<string>();
  #clusters = new RecordStore<FakeRecord>(undefined);
  #apps = new RecordStore<FakeRecord>(undefined);
  #context: DriverContext | undefined;

  constructor(settings: FakeSettings = FAKE_DEFAULTS) {
    this.#settings = settings;
    this.capabilities = {
      clusterUpdate: settings.clusterUpdate,
      appUpdate: true,
      vm: true,
      containers: true,
      exec: true,
      publishesVmPorts: settings.vmPorts,
    };
  }

  async init(context: DriverContext): Promise<void> {
    this.#context = context;
    if (context.stateDir === undefined) return;
    this.#clusters = new RecordStore(join(context.stateDir, 'clusters'), context.disk);
    this.#apps = new RecordStore(join(context.stateDir, 'apps'), context.disk);
    await this.#clusters.load(toFakeRecord);
    await this.#apps.load(toFakeRecord);
  }

  async gatherInfo(): Promise<SiteLimits> {
    this.#failByRule('gather', '', '');
    return {
      ram: 500n,
      vcores: 50n,
      disk: 5000n,
      // There is nothing behind these numbers.
      binding: false,
      flavors: [{ name: 'flavor1', vcpus: 10n, ram: 101024n, disk: 500n }],
    };
  }

  async createClusterInst(request: ClusterInstRequest, operation: Operation): Promise<void> {
    const name = request.clusterInst.key?.clusterKey?.name ?? '';
    const record: FakeRecord = { keyJson: request.keyJson, state: 'creating', name, annotations: '' };
    await this.#create(this.#clusters, 'create-cluster', record, operation);
  }

  async updateClusterInst(request: ClusterInstRequest, operation: Operation): Promise<void> {
    if (!this.capabilities.clusterUpdate)
      throw fail(agentErrors.CLUSTER_UPDATE_UNSUPPORTED, { platform: 'fake cloudlets' });
    const record = this.#clusters.get(request.keyJson);
    if (!record) throw fail(agentErrors.NOT_PRESENT, { kind: 'cluster instance', key: request.keyJson });
    await this.#act('update-cluster', record, this.#settings.updateDelayMs, operation);
  }

  async deleteClusterInst(keyJson: string, operation: Operation): Promise<void> {
    await this.#delete(this.#clusters, 'delete-cluster', keyJson, operation);
  }

  async createAppInst(request: AppInstRequest, operation: Operation): Promise<void> {
    const { annotations } = request.app;
    const name = request.app.key?.name ?? '';
    const record: FakeRecord = { keyJson: request.keyJson, state: 'creating', name, annotations };
    await this.#create(this.#apps, 'create-app', record, operation);
  }

  async updateAppInst({ keyJson, app }: AppInstRequest, operation: Operation): Promise<void> {
    const record = this.#apps.get(keyJson);
    if (!record) throw fail(agentErrors.NOT_PRESENT, { kind: 'app instance', key: keyJson });
    const changed = { ...record, annotations: app.annotations };
    await this.#act('update-app', changed, this.#settings.updateDelayMs, operation);
    await this.#apps.put(changed);
  }

  async deleteAppInst(keyJson: string, operation: Operation): Promise<void> {
    await this.#delete(this.#apps, 'delete-app', keyJson, operation);
  }

  async appInstRuntime(keyJson: string): Promise<AppInstRuntime> {
    const record = this.#apps.get(keyJson);
    if (!record) throw fail(agentErrors.NOT_PRESENT, { kind: 'app instance', key: keyJson });
    this.#fail('runtime', record);
    return { containerIds: [] };
  }

  /** What the App claims by its annotations; CPU time as if it had run since the clock's origin. */
  async measure(keyJson: string): Promise<InstanceUsage> {
    const record = this.#apps.get(keyJson);
    if (!record) throw fail(agentErrors.NOT_PRESENT, { kind: 'app instance', key: keyJson });
    const { cores, megabytes } = claimedUse(record.annotations);
    const uptimeMs = this.#context?.clock.monotonic() ?? 0;
    return { cpuNanos: cores * uptimeMs * 1e6, memoryBytes: megabytes * 1024 ** 2 };
  }

  /** In place of the reference's, which runs the command on the agent's own host (CRM spec section 11.1). */
  async prepareShell(request: ShellRequest): Promise<StartShell> {
    const { keyJson: key, containerId } = request;
    const record = this.#apps.get(key);
    if (!record) throw fail(agentErrors.NOT_PRESENT, { kind: 'app instance', key });
    if (record.state !== 'ready') throw fail(agentErrors.NOT_RUNNING, { key, state: record.state });
    if (containerId !== '') throw fail(agentErrors.NOT_PRESENT, { kind: 'container', key: containerId });
    return async (size) => openFakeShell(record.name, request, size);
  }

  async recover(): Promise<Recovered> {
    return { clusterInsts: this.#clusters.values(), appInsts: this.#apps.values() };
  }

  async stop(): Promise<void> {}

  async #create(
    store: RecordStore<FakeRecord>,
    operation: 'create-cluster' | 'create-app',
    record: FakeRecord,
    control: Operation,
  ): Promise<void> {
    if (store.get(record.keyJson)?.state !== 'ready') {
      await store.put(record);
      await this.#act(operation, record, this.#settings.createDelayMs, control);
    }
    await store.put({ ...record, state: 'ready' });
  }

  async #delete(
    store: RecordStore<FakeRecord>,
    operation: 'delete-cluster' | 'delete-app',
    keyJson: string,
    { signal, progress }: Operation,
  ): Promise<void> {
    const record = store.get(keyJson);
    if (!record) return;
    await store.put({ ...record, state: 'deleting' });
    await this.#act(operation, record, this.#settings.deleteDelayMs, { signal, progress });
    await store.delete(keyJson);
  }

  async #act(
    operation: FakeOperation,
    record: FakeRecord,
    delayMs: number,
    { signal, progress }: Operation,
  ): Promise<void> {
    const delay = annotationsOf(operation, record)?.delayMs ?? delayMs;
    progress(`pretending to ${operation} ${record.name}`);
    signal.throwIfAborted();
    if (delay > 0 && this.#context) await sleep(this.#context.clock, delay, signal);
    this.#fail(operation, record);
  }

  #fail(operation: FakeOperation, record: FakeRecord): void {
    const failure = annotationsOf(operation, record)?.failure;
    if (failure) this.#failOnce(failure, operation, record.keyJson);
    else this.#failByRule(operation, record.name, record.keyJson);
  }

  #failByRule(operation: FakeOperation, name: string, keyJson: string): void {
    const rule = this.#settings.rules.find((r) => ruleMatches(r, operation, name));
    if (rule) this.#failOnce(rule, operation, keyJson);
  }

  #failOnce(failure: { text: string; once: boolean }, operation: FakeOperation, keyJson: string): void {
    const mark = `${operation} ${keyJson}`;
    if (failure.once && this.#spent.has(mark)) return;
    if (failure.once) this.#spent.add(mark);
    throw new Error(failure.text);
  }
}

function annotationsOf(operation: FakeOperation, record: FakeRecord): FakeAnnotations | undefined {
  switch (operation) {
    case 'create-app':
      return readAnnotations(record.annotations, 'create');
    case 'update-app':
      return readAnnotations(record.annotations, 'update');
    case 'delete-app':
      return readAnnotations(record.annotations, 'delete');
    case 'runtime':
      return readAnnotations(record.annotations, 'runtime');
    default:
      return undefined;
  }
}
