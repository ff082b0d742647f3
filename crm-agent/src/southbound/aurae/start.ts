import { fail, messageOf } from '@edgeplane/base';
import type { Json, RunContext, Runner } from '../work/index.js';
import { auraeErrors } from './errors.js';
import { containerOf, sandboxOf } from './host-specs.js';
import { fetchImages } from './pod-images.js';
import type { PodRecord } from './pod-record.js';
import { type ContainerSpec, podHash, sameContainer } from './pod-spec.js';
import { isStopping, podOf, type VerbContext, withRoom } from './verb-context.js';

/** Which containers; none means all. The secret is a list of those to add. */
export interface StartRequest {
  readonly names: readonly string[];
  /** Hash of what is added; empty when nothing is. */
  readonly added: string;
}

export const startRequest = ({ names, added }: StartRequest): Json => ({ names, added });

/**
 * Runs containers of an allocated pod in their order, those first that run to their end. Which are to run is written down
 * before they do; when one does not start, those begun with it stop again.
 */
export function startRunner(context: VerbContext): Runner {
  const { table } = context;
  return {
    async run(operation, run) {
      const { names, added } = operation.request as unknown as StartRequest;
      const before = podOf(context, operation);
      let pod = before;
      if (added !== '') {
        const more = JSON.parse(await run.secret()) as readonly ContainerSpec[];
        pod = await withContainers(context, pod, more, run.signal);
      }
      const chosen = chooseContainers(pod, names);
      const wanted = pod.spec.containers
        .map(({ name }) => name)
        .filter((n) => pod.wanted.includes(n) || chosen.some((c) => c.name === n));
      const running = (await context.host.facts(pod.hostName))?.containers;
      const kept = Object.entries(pod.restarts).filter(([name]) => running?.get(name)?.running);
      pod = await table.put({ ...pod, wanted, restarts: Object.fromEntries(kept), message: '' });
      const begun: string[] = [];
      try {
        await startContainers(context, pod, chosen, run, (name) => begun.push(name));
      } catch (error) {
        if (isStopping(run.signal)) throw error;
        for (const name of begun.reverse())
          await context.host.stop(pod.hostName, name, pod.spec.graceMs).catch((second: unknown) => {
            context.logger.warn({ pod: pod.name, container: name, err: second }, 'Container runs on');
          });
        await table.put({ ...pod, wanted: before.wanted, message: messageOf(error) });
        throw error;
      }
      return { message: 'started' };
    },
  };
}

/** @throws NO_CONTAINER, POD_HAS_NO_CONTAINERS */
function chooseContainers(pod: PodRecord, names: readonly string[]): readonly ContainerSpec[] {
  const { name, spec } = pod;
  const missing = names.find((each) => !spec.containers.some((c) => c.name === each));
  if (missing !== undefined) throw fail(auraeErrors.NO_CONTAINER, { name, container: missing });
  if (spec.containers.length === 0) throw fail(auraeErrors.POD_HAS_NO_CONTAINERS, { name });
  return spec.containers.filter((c) => names.length === 0 || names.includes(c.name));
}

/** The pod with more containers; those it has already are not added again. @throws CONTAINER_EXISTS, NO_ROOM */
async function withContainers(
  context: VerbContext,
  pod: PodRecord,
  more: readonly ContainerSpec[],
  signal: AbortSignal,
): Promise<PodRecord> {
  const fresh = more.filter((container) => {
    const known = pod.spec.containers.find((c) => c.name === container.name);
    if (known && !sameContainer(known, container))
      throw fail(auraeErrors.CONTAINER_EXISTS, { name: pod.name, container: container.name });
    return !known;
  });
  if (fresh.length === 0) return pod;
  const spec = { ...pod.spec, containers: [...pod.spec.containers, ...fresh] };
  const changed = { ...pod, spec, specHash: podHash(spec), generation: pod.generation + 1 };
  const need = { limits: {}, containers: fresh };
  return withRoom(context, pod.name, need, signal, () => context.table.put(changed));
}

/** `told` hears of each that is about to be started. */
export async function startContainers(
  { host }: Pick<VerbContext, 'host'>,
  pod: PodRecord,
  chosen: readonly ContainerSpec[],
  { signal, step }: Pick<RunContext, 'signal' | 'step'>,
  told: (name: string) => void = () => undefined,
): Promise<void> {
  const { hostName, name } = pod;
  const runs = async () => {
    const facts = await host.facts(hostName);
    return (container: string) => (facts?.up && facts.containers.get(container)?.running) ?? false;
  };
  const isUp = await runs();
  const idle = chosen.filter((c) => !isUp(c.name));
  const mains = chosen.filter((c) => !c.init);
  if (idle.length === 0 || (mains.length > 0 && mains.every((c) => isUp(c.name)))) return;
  await step('images');
  const images = await fetchImages(host, idle, signal);
  await step('sandbox');
  await host.ensureSandbox(sandboxOf(pod));
  const ordered = [...idle.filter((c) => c.init), ...idle.filter((c) => !c.init)];
  for (const container of ordered) {
    signal.throwIfAborted();
    await step(`container ${container.name}`);
    told(container.name);
    await host.run(hostName, containerOf(pod, container, images.get(container.name)?.id ?? ''));
    if (!container.init) continue;
    const code = await host.ended(hostName, container.name, signal);
    if (code !== 0) throw fail(auraeErrors.INIT_FAILED, { name, container: container.name, code });
  }
}
