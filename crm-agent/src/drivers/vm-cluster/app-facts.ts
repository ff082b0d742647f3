import { type Clock, fail } from '@edgeplane/base';
import { agentErrors } from '../../errors.js';
import type { ShellRequest, StartShell } from '../../exec/shell.js';
import type { RecordStore } from '../../records.js';
import type { InstanceUsage } from '../driver.js';
import { SlowFigure } from '../local/slow-figure.js';
import { type Known, reachable } from './places.js';
import { type AppRecord, replicaName } from './records.js';

/** How long the disk use of a container counts as known, milliseconds: podman walks over all its files to find out. */
const DISK_USE_MS = 60_000;

export interface FactsOptions extends Known {
  readonly apps: RecordStore<AppRecord>;
  readonly clock: Clock;
}

/** What can be asked of an AppInst in a cluster, over all its replicas. */
export class AppFacts {
  readonly #o: FactsOptions;
  readonly #diskUse: SlowFigure;

  constructor(options: FactsOptions) {
    this.#o = options;
    this.#diskUse = new SlowFigure(options.clock, DISK_USE_MS);
  }

  /** For an instance that is being removed. */
  forget(keyJson: string): void {
    const app = this.#o.apps.get(keyJson);
    for (const { index } of app?.replicas ?? []) if (app) this.#diskUse.forget(replicaName(app.plan, index));
  }

  /** Names of all its containers, in order. @throws NOT_PRESENT, NODE_DOWN */
  async containerNames(keyJson: string): Promise<readonly string[]> {
    const app = this.#required(keyJson);
    const names = app.replicas.map((replica) =>
      reachable(this.#o, app, replica).link.containerNames(replicaName(app.plan, replica.index)),
    );
    return (await Promise.all(names)).flat();
  }

  async usage(keyJson: string): Promise<InstanceUsage> {
    const app = this.#required(keyJson);
    const figures = await Promise.all(
      app.replicas.map(async (replica) => {
        const name = replicaName(app.plan, replica.index);
        const { link } = reachable(this.#o, app, replica);
        const used = await link.usage(name);
        const diskBytes = await this.#diskUse.of(name, () => link.diskBytes(name));
        return { ...used, diskBytes };
      }),
    );
    const sum = (of: (f: (typeof figures)[number]) => number) => figures.reduce((all, f) => all + of(f), 0);
    return {
      cpuNanos: sum((f) => f.cpuNanos),
      memoryBytes: sum((f) => f.memoryBytes),
      memoryLimitBytes: sum((f) => f.memoryLimitBytes),
      diskBytes: sum((f) => f.diskBytes),
      diskReadBytes: sum((f) => f.blockReadBytes),
      diskWriteBytes: sum((f) => f.blockWriteBytes),
      netInBytes: sum((f) => f.netInBytes),
      netOutBytes: sum((f) => f.netOutBytes),
    };
  }

  /** A shell in a container, by default the first one. */
  async prepareShell(request: ShellRequest): Promise<StartShell> {
    const { keyJson, containerId } = request;
    const app = this.#required(keyJson);
    if (app.state !== 'ready') throw fail(agentErrors.NOT_RUNNING, { key: keyJson, state: app.state });
    for (const replica of app.replicas) {
      const { link } = reachable(this.#o, app, replica);
      const names = await link.containerNames(replicaName(app.plan, replica.index));
      const container = containerId === '' ? names[0] : names.find((name) => name === containerId);
      if (container !== undefined) return (size, signal) => link.openShell(container, request, size, signal);
    }
    if (containerId === '') throw fail(agentErrors.NO_CONTAINERS);
    throw fail(agentErrors.NOT_PRESENT, { kind: 'container', key: containerId });
  }

  #required(keyJson: string): AppRecord {
    const record = this.#o.apps.get(keyJson);
    if (!record) throw fail(agentErrors.NOT_PRESENT, { kind: 'app instance', key: keyJson });
    return record;
  }
}
