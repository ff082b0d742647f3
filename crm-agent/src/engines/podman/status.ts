import type { ContainerInspect, ContainerListed } from './api-types.js';
import { LABEL } from './spec.js';

export type WorkloadState = 'running' | 'exited' | 'created' | 'missing';

export interface WorkloadStatus {
  readonly state: WorkloadState;
  /** Of the first container that ended, non-zero ones first. */
  readonly exitCode?: number;
  readonly error?: string;
  /** Ids of its containers, without the pods' own infra containers. */
  readonly containers: readonly string[];
}

export interface WorkloadSummary {
  readonly name: string;
  readonly kind: 'container' | 'kube';
  readonly state: WorkloadState;
  readonly labels: Readonly<Record<string, string>>;
  readonly containers: readonly string[];
}

/** Running means all of it runs; anything that ended makes the whole ended. */
export function stateOf(containers: readonly { readonly State: string }[]): WorkloadState {
  if (containers.length === 0) return 'missing';
  const states = containers.map((c) => c.State);
  if (states.some((s) => s === 'exited' || s === 'stopped' || s === 'stopping' || s === 'dead'))
    return 'exited';
  return states.every((s) => s === 'running' || s === 'paused') ? 'running' : 'created';
}

export function statusOf(containers: readonly ContainerInspect[]): WorkloadStatus {
  const state = stateOf(containers.map((c) => ({ State: c.State.Status })));
  const ids = containers.map((c) => c.Id);
  if (state !== 'exited') return { state, containers: ids };
  const ended = containers.filter((c) => !c.State.Running);
  const worst = ended.find((c) => c.State.ExitCode !== 0) ?? ended[0];
  const error = worst?.State.OOMKilled ? 'killed: over its memory limit' : worst?.State.Error;
  return {
    state,
    containers: ids,
    ...(worst === undefined ? {} : { exitCode: worst.State.ExitCode }),
    ...(error ? { error } : {}),
  };
}

/** Groups containers by the workload they belong to. */
export function summarize(listed: readonly ContainerListed[]): WorkloadSummary[] {
  const groups = new Map<string, ContainerListed[]>();
  for (const container of listed) {
    const name = container.Labels?.[LABEL.name];
    if (name === undefined || container.IsInfra) continue;
    groups.set(name, [...(groups.get(name) ?? []), container]);
  }
  return [...groups].map(([name, containers]) => {
    const labels = containers[0]?.Labels ?? {};
    return {
      name,
      kind: labels[LABEL.kind] === 'kube' ? 'kube' : 'container',
      state: stateOf(containers),
      labels: Object.fromEntries(Object.entries(labels).filter(([key]) => !key.startsWith('io.edgeplane.'))),
      containers: containers.map((c) => c.Id),
    };
  });
}
