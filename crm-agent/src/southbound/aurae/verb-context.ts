import { type Clock, EdgeplaneError, fail, type Logger, messageOf, type Random } from '@edgeplane/base';
import type { Admission } from '../../site/admission.js';
import { type OperationRecord, workErrors } from '../work/index.js';
import { auraeErrors } from './errors.js';
import type { PodHost } from './pod-host.js';
import type { PodRecord } from './pod-record.js';
import type { ContainerSpec, PodSpec } from './pod-spec.js';
import type { PodTable } from './pod-table.js';

/** What the verbs work with. */
export interface VerbContext {
  readonly host: PodHost;
  readonly table: PodTable;
  readonly admission: Admission;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The pod that an operation is about. @throws NO_POD, HALF_FREED */
export function podOf({ table }: VerbContext, { subject }: OperationRecord): PodRecord {
  const pod = table.get(subject);
  const name = nameOf(subject);
  if (!pod || pod.stage === 'allocating') throw fail(auraeErrors.NO_POD, { name });
  if (pod.stage === 'freeing') throw fail(auraeErrors.HALF_FREED, { name });
  return pod;
}

/** The pod's name in a key. */
export const nameOf = (keyJson: string): string => String((JSON.parse(keyJson) as readonly unknown[])[1]);

const MB = 1024 ** 2;

/**
 * Runs work if this host has room for the containers: memory as far as it is limited, and disk for their images.
 * @throws NO_ROOM naming what is missing
 */
export async function withRoom<T>(
  context: Pick<VerbContext, 'host' | 'admission'>,
  name: string,
  spec: Pick<PodSpec, 'limits' | 'containers'>,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const { host, admission } = context;
  const sizes = spec.containers.map(({ image }) => host.imageBytes(image, signal));
  const imageMb = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0) / MB;
  const need = { flavor: `of pod ${name}`, memoryMb: memoryOf(spec) / MB, diskMb: 0, imageMb };
  let begun = false;
  try {
    return await admission.admit(need, () => {
      begun = true;
      return work();
    });
  } catch (error) {
    if (begun || !(error instanceof EdgeplaneError)) throw error;
    throw fail(auraeErrors.NO_ROOM, { name, reason: messageOf(error) }, { cause: error });
  }
}

/** The pod's limit, or those of its containers together; what has none is not known to need any. */
function memoryOf({ limits, containers }: Pick<PodSpec, 'limits' | 'containers'>): number {
  const sum = containers.reduce((all, c: ContainerSpec) => all + (c.limits.memoryBytes ?? 0), 0);
  return limits.memoryBytes ?? sum;
}

/** The agent ends; the next one goes on with the operation, so nothing is taken back. */
export function isStopping(signal: AbortSignal): boolean {
  const { reason } = signal as { readonly reason: unknown };
  return signal.aborted && reason instanceof EdgeplaneError && reason.code === workErrors.STOPPING.code;
}
