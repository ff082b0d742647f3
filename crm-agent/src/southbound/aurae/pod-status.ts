import {
  ContainerStatus,
  Phase,
  PodStatus,
} from '@edgeplane/proto/southbound/aurae/edgeplane/pod/v1/pod-extension.js';
import type { ContainerFacts, PodFacts } from './pod-host.js';
import type { Verb } from './pod-operations.js';
import type { PodRecord } from './pod-record.js';
import type { ContainerSpec } from './pod-spec.js';
import { nameOf } from './verb-context.js';

export interface StatusParts {
  readonly pod: PodRecord;
  /** Undefined when the host has nothing of it. */
  readonly facts: PodFacts | undefined;
  readonly underWay: Verb | undefined;
  /** Names of containers whose readiness probe succeeds. */
  readonly ready: ReadonlySet<string>;
}

/** What there is of a pod, in the words of the API. Pure. */
export function podStatus(parts: StatusParts): PodStatus {
  const { pod, facts } = parts;
  const containers = pod.spec.containers.map((spec) => containerStatus(spec, parts));
  return PodStatus.fromPartial({
    ...{ name: pod.name, uid: pod.uid, phase: podPhase(parts, containers), containers },
    ips: [...(facts?.up ? facts.addresses : [])],
    message: pod.message || (containers.find(({ message }) => message !== '')?.message ?? ''),
    ...{ specHash: pod.specHash, generation: BigInt(pod.generation) },
    ports: pod.ports.map(({ proto, ...port }) => ({ protocol: proto, ...port })),
  });
}

/** The name alone, of a pod that has gone. */
export const goneStatus = (keyJson: string): PodStatus => PodStatus.fromPartial({ name: nameOf(keyJson) });

function podPhase({ pod, underWay }: StatusParts, containers: readonly ContainerStatus[]): Phase {
  if (pod.stage === 'allocating') return Phase.PHASE_ALLOCATING;
  if (pod.stage === 'freeing' || underWay === 'free') return Phase.PHASE_FREEING;
  if (underWay === 'start' || underWay === 'restart') return Phase.PHASE_STARTING;
  if (underWay === 'stop') return Phase.PHASE_STOPPING;
  const wanted = containers.filter(({ name }) => pod.wanted.includes(name));
  if (wanted.length === 0) return pod.message === '' ? Phase.PHASE_ALLOCATED : Phase.PHASE_FAILED;
  const running = wanted.some(({ phase }) => phase === Phase.PHASE_RUNNING);
  if (running) return Phase.PHASE_RUNNING;
  return wanted.some(({ phase }) => phase === Phase.PHASE_FAILED) ? Phase.PHASE_FAILED : Phase.PHASE_EXITED;
}

function containerStatus(spec: ContainerSpec, { pod, facts, ready }: StatusParts): ContainerStatus {
  const { name, image } = spec;
  const found = facts?.containers.get(name);
  const phase = containerPhase(pod.wanted.includes(name), spec, found);
  if (!found) return ContainerStatus.fromPartial({ name, image, phase });
  const ended = !found.running && found.finishedMs > 0;
  return ContainerStatus.fromPartial({
    ...{ name, image, phase, id: found.id, digest: found.digest },
    pid: found.running ? found.pid : 0,
    exitCode: found.running ? 0 : found.exitCode,
    oomKilled: found.oomKilled,
    restarts: found.restarts + (pod.restarts[name] ?? 0),
    startedUnixMs: BigInt(found.startedMs),
    finishedUnixMs: BigInt(found.running ? 0 : found.finishedMs),
    message: ended && pod.wanted.includes(name) ? endOf(name, found) : found.error,
    ready: found.running && ready.has(name),
  });
}

function containerPhase(wanted: boolean, spec: ContainerSpec, found: ContainerFacts | undefined): Phase {
  if (found?.running) return Phase.PHASE_RUNNING;
  if (!found || !wanted || (found.startedMs === 0 && found.error === '')) return Phase.PHASE_ALLOCATED;
  if (spec.init && found.exitCode === 0) return Phase.PHASE_EXITED;
  return found.exitCode === 0 ? Phase.PHASE_EXITED : Phase.PHASE_FAILED;
}

function endOf(name: string, { exitCode, oomKilled, error }: ContainerFacts): string {
  if (error !== '') return error;
  const why = oomKilled ? 'killed for lack of memory' : `ended with ${exitCode}`;
  return exitCode === 0 && !oomKilled ? '' : `container ${name}: ${why}`;
}
