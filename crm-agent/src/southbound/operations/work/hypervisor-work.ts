import { type Clock, fail, sleep } from '@edgeplane/base';
import type { OperationLog, OperationRecord, RunContext, Runner, Success } from '../../work/index.js';
import { operationsErrors } from '../errors.js';
import type { ChangeContext, Hypervisor, Observation } from '../hypervisors/driver.js';
import type { HypervisorEntry } from '../inventory.js';
import { type CreateHypervisorWork, type DestroyHypervisorWork, KINDS } from './kinds.js';

/** A hypervisor of the inventory with what drives it. */
export interface Managed {
  readonly entry: HypervisorEntry;
  readonly hypervisor: Hypervisor;
}

export interface HypervisorWorkOptions {
  readonly hypervisors: ReadonlyMap<string, Managed>;
  readonly clock: Clock;
  /** Told that a hypervisor was changed. */
  readonly changed: (id: string) => void;
}

const POLL_MS = 1000;
/** What processes get to end by themselves when the request says nothing. */
const GRACE_MS = 10_000;

/** Bringing single hypervisors up and down. */
export function registerHypervisorWork(log: OperationLog, options: HypervisorWorkOptions): void {
  const { hypervisors } = options;
  const entryOf = ({ subject }: OperationRecord) => hypervisors.get(subject)?.entry;
  const create: Runner = {
    timeoutMs: (record) => entryOf(record)?.createTimeoutMs,
    run: (record, context) => inspected(options, record, () => createOne(options, record, context)),
  };
  const destroy: Runner = {
    timeoutMs: (record) => {
      const { graceSeconds } = record.request as DestroyHypervisorWork;
      const limit = entryOf(record)?.destroyTimeoutMs;
      return limit === undefined ? undefined : limit + graceSeconds * 1000;
    },
    run: (record, context) => inspected(options, record, () => destroyOne(options, record, context)),
  };
  log.register(KINDS.createHypervisor, create);
  log.register(KINDS.destroyHypervisor, destroy);
}

/** @throws UNKNOWN_HYPERVISOR */
export function managedOf(hypervisors: ReadonlyMap<string, Managed>, id: string): Managed {
  const found = hypervisors.get(id);
  if (!found) throw fail(operationsErrors.UNKNOWN_HYPERVISOR, { id });
  return found;
}

async function inspected(
  { changed }: HypervisorWorkOptions,
  { subject }: OperationRecord,
  work: () => Promise<Success>,
): Promise<Success> {
  try {
    return await work();
  } finally {
    changed(subject);
  }
}

async function createOne(
  { hypervisors }: HypervisorWorkOptions,
  record: OperationRecord,
  context: RunContext,
): Promise<Success> {
  const { id } = record.request as CreateHypervisorWork;
  const { hypervisor } = managedOf(hypervisors, id);
  // What is true now counts, not what was when the call came.
  const { condition } = await hypervisor.inspect(context.signal);
  if (condition === 'ready') return { message: 'already running' };
  await hypervisor.create(changeOf(record, context));
  return { message: `hypervisor ${id} is up`, result: { id } };
}

async function destroyOne(
  { hypervisors, clock }: HypervisorWorkOptions,
  record: OperationRecord,
  context: RunContext,
): Promise<Success> {
  const { id, force, graceSeconds } = record.request as DestroyHypervisorWork;
  const { hypervisor } = managedOf(hypervisors, id);
  const until = clock.monotonic() + graceSeconds * 1000;
  let seen = await hypervisor.inspect(context.signal).catch((error: unknown) => {
    // Whoever cannot be asked can still be told to end.
    if (!force || context.signal.aborted) throw error;
    return undefined;
  });
  while (seen && (seen.runningInstances ?? 0) > 0 && clock.monotonic() < until) {
    context.progress(0, `waiting for ${seen.runningInstances} instances to end`);
    await sleep(clock, POLL_MS, context.signal);
    seen = await hypervisor.inspect(context.signal);
  }
  if (seen?.condition === 'off') return { message: 'already powered off' };
  if (seen && !force) refuseWithInstances(id, seen);
  const graceMs = graceSeconds > 0 ? graceSeconds * 1000 : GRACE_MS;
  await hypervisor.destroy({ force, graceMs }, changeOf(record, context));
  return { message: `hypervisor ${id} is down`, result: { id } };
}

/** What runs on it would be lost. @throws INSTANCES_RUNNING, INSTANCES_UNKNOWN */
function refuseWithInstances(id: string, { condition, runningInstances: count, detail }: Observation): void {
  if (count !== undefined && count > 0) throw fail(operationsErrors.INSTANCES_RUNNING, { id, count });
  // A program that tells nothing of instances sees to them itself.
  if (count === undefined && condition === 'not-ready')
    throw fail(operationsErrors.INSTANCES_UNKNOWN, { id, reason: detail });
}

function changeOf({ id }: OperationRecord, { signal, step, progress }: RunContext): ChangeContext {
  return { operationId: id, signal, step: (name, message) => step(name, { message }), progress };
}
