import { fail } from '@edgeplane/base';
import type { Labels } from './api-caller.js';
import type { ExecResult } from './api-types.js';
import type { PodmanClient } from './client.js';
import { podmanErrors } from './errors.js';
import type { CallOptions } from './http.js';
import { LABEL } from './spec.js';
import { statusOf, summarize, type WorkloadStatus, type WorkloadSummary } from './status.js';
import { addUsage, type WorkloadUsage } from './usage.js';
import type { Workloads } from './workloads.js';

/** What can be asked about the workloads of one owner, on whatever machine their podman is. */
export class WorkloadFigures {
  readonly #client: PodmanClient;
  readonly #workloads: Workloads;
  readonly #mine: Labels;

  constructor(client: PodmanClient, workloads: Workloads, owner: string) {
    this.#client = client;
    this.#workloads = workloads;
    this.#mine = { [LABEL.owner]: owner };
  }

  async list(labels: Labels = {}): Promise<WorkloadSummary[]> {
    return summarize(await this.#client.containers.list({ ...this.#mine, ...labels }));
  }

  async status(name: string): Promise<WorkloadStatus> {
    return statusOf(await this.#workloads.inspect(name));
  }

  async stats(name: string): Promise<WorkloadUsage> {
    const listed = await this.#workloads.required(name);
    // A pod's traffic is counted in its infra container, which has no labels.
    const pods = new Set(listed.map((c) => c.Pod).filter(Boolean));
    const infra =
      pods.size === 0
        ? []
        : (await this.#client.containers.list()).filter((c) => c.IsInfra && pods.has(c.Pod));
    const running = [...listed, ...infra].filter((c) => c.State === 'running');
    if (running.length === 0) return addUsage([], new Set());
    const stats = await this.#client.containers.stats(running.map((c) => c.Id));
    return addUsage(stats, new Set(infra.map((c) => c.Id)));
  }

  /** What its containers have written over their images, bytes. Takes as long as a walk over those files. */
  async diskBytes(name: string): Promise<number> {
    const sizes = await this.#client.containers.sizes({ ...this.#mine, [LABEL.name]: name });
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** The last lines of its containers; lines of several containers are marked with the container's name. */
  async logs(name: string, tail: number): Promise<string> {
    const listed = await this.#workloads.required(name);
    const texts = await Promise.all(
      listed.map(async (c) => ({
        name: c.Names[0] ?? '',
        text: await this.#client.containers.logs(c.Id, tail),
      })),
    );
    if (texts.length === 1) return texts[0]?.text ?? '';
    return texts.map((t) => t.text.replace(/^(?=.)/gm, `${t.name}: `)).join('');
  }

  /** Names of its containers without the pods' own, in order. @throws when there is no such workload. */
  async containerNames(name: string): Promise<readonly string[]> {
    const listed = await this.#workloads.required(name);
    return listed
      .filter((c) => !c.IsInfra)
      .map((c) => c.Names[0] ?? c.Id)
      .sort();
  }

  /** Runs a program in the workload: in `container` of a manifest, else in its first container. */
  async exec(
    name: string,
    argv: readonly string[],
    options: CallOptions & { readonly container?: string },
  ): Promise<ExecResult> {
    const { container, ...call } = options;
    const listed = await this.#workloads.required(name);
    const target =
      container === undefined
        ? listed[0]
        : listed.find((c) => c.Names.some((n) => n === container || n.endsWith(`-${container}`)));
    if (!target)
      throw fail(podmanErrors.PODMAN_NOT_FOUND, { kind: 'container', name: `${name}/${container ?? ''}` });
    return this.#client.containers.exec(target.Id, argv, call);
  }
}
