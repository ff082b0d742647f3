import { type Clock, type Logger, messageOf, sleep } from '@edgeplane/base';
import type { PodmanClient } from './client.js';
import { LABEL } from './spec.js';

/** A container's program that ended. */
export interface Death {
  /** Of the workload. */
  readonly name: string;
  readonly container: string;
  readonly status: string;
}

export interface DeathWatchOptions {
  readonly client: PodmanClient;
  readonly owner: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const AGAIN_MS = 1000;

/**
 * Tells of each container of the owner whose program ends, whether by itself or because it was stopped, until the signal
 * aborts. What ends while podman's service is away is not told.
 */
export function watchDeaths(
  options: DeathWatchOptions,
  told: (death: Death) => void,
  signal: AbortSignal,
): Promise<void> {
  return watchContainers(options, ['died'], told, signal);
}

/** The same of other events of containers, by podman's names for them. */
export async function watchContainers(
  { client, owner, clock, logger }: DeathWatchOptions,
  event: readonly string[],
  told: (death: Death) => void,
  signal: AbortSignal,
): Promise<void> {
  const filters = { type: ['container'], event, label: [`${LABEL.owner}=${owner}`] };
  while (!signal.aborted) {
    try {
      for await (const { Actor } of client.events(filters, signal)) {
        const { [LABEL.name]: name, name: container, containerExitCode: status } = Actor.Attributes;
        if (name !== undefined) told({ name, container: container ?? Actor.ID, status: status ?? 'unknown' });
      }
    } catch (error) {
      if (!signal.aborted) logger.debug({ reason: messageOf(error) }, 'Events of podman are interrupted');
    }
    await sleep(clock, AGAIN_MS, signal).catch(() => undefined);
  }
}
