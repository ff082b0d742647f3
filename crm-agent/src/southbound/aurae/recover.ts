import { messageOf } from '@edgeplane/base';
import { sandboxOf } from './host-specs.js';
import type { PodFacts } from './pod-host.js';
import type { PodOperations } from './pod-operations.js';
import { type PodRecord, tenantNetwork } from './pod-record.js';
import type { ContainerSpec } from './pod-spec.js';
import { startContainers } from './start.js';
import type { VerbContext } from './verb-context.js';

/**
 * Brings the host to what the records say: removes pods that nobody knows and what was left half-made without an operation
 * that goes on with it, and starts again what a boot ended, from images that are here. Needs nobody else.
 */
export async function recoverPods(
  context: VerbContext,
  operations: PodOperations,
  signal: AbortSignal,
): Promise<void> {
  const { host, table, logger } = context;
  const known = new Set(table.values().map(({ hostName }) => hostName));
  for (const name of await host.names()) {
    if (known.has(name)) continue;
    logger.info({ pod: name }, 'Removing a pod that has no record');
    await host.remove(name).catch((error: unknown) => logger.warn({ pod: name, err: error }, 'Pod stays'));
  }
  for (const pod of table.values()) {
    signal.throwIfAborted();
    // Whatever is under way repeats its steps itself.
    if (operations.underWay(pod.keyJson) !== undefined) continue;
    try {
      if (pod.stage === 'allocated') await restore(context, pod, signal);
      else {
        await host.remove(pod.hostName);
        await host.leaveNetwork(tenantNetwork(pod.tenant));
        await table.delete(pod.keyJson);
      }
    } catch (error) {
      signal.throwIfAborted();
      logger.warn({ pod: pod.name, err: error }, 'Pod is not as it was');
      await table.put({ ...pod, message: messageOf(error) });
    }
  }
}

async function restore(context: VerbContext, pod: PodRecord, signal: AbortSignal): Promise<void> {
  const facts = await context.host.facts(pod.hostName);
  const chosen = toStart(pod, facts);
  if (!facts?.up) await context.host.ensureSandbox(sandboxOf(pod));
  if (chosen.length === 0) return;
  context.logger.info({ pod: pod.name, containers: chosen.map(({ name }) => name) }, 'Starting again');
  const here = chosen.map((container) => ({ ...container, pull: 'absent' as const }));
  await startContainers(context, pod, here, { signal, step: async () => undefined });
}

/**
 * Containers that ran when the host, or podman with them, came to an end. One that ended by itself stays as its policy
 * says: `on-failure` after success, and `no` always. Pure.
 */
export function toStart(
  { spec, wanted }: Pick<PodRecord, 'spec' | 'wanted'>,
  facts: PodFacts | undefined,
): readonly ContainerSpec[] {
  const mains = spec.containers.filter(({ name, init }) => {
    const found = facts?.containers.get(name);
    if (init || !wanted.includes(name) || found?.running) return false;
    const endedWell = found !== undefined && found.finishedMs >= found.startedMs && found.exitCode === 0;
    if (spec.restart === 'on-failure') return !(endedWell && found.startedMs > 0);
    return spec.restart === 'always';
  });
  const anew = facts === undefined || !facts.up;
  const inits = spec.containers.filter((c) => c.init && wanted.includes(c.name));
  return mains.length > 0 && anew ? [...inits, ...mains] : mains;
}
