import { EdgeplaneError, fail } from '@edgeplane/base';
import { remoteErrors } from '../remote/errors.js';
import type { MachinePlan } from './machine-plan.js';
import type { Provider } from './provider.js';
import { desiredJson } from './wire-json.js';

export interface ResizeSteps {
  /** Waits for a task; empty: none. */
  settle(task: string): Promise<void>;
  /** Shuts the machine down. */
  off(): Promise<unknown>;
}

/**
 * Gives a machine other CPUs and memory: while it runs if the provider can, else while it is off, in which it is left. May be
 * repeated. Providers exist that report success and change nothing, so it is looked whether they did.
 * @throws FAILED when it has not changed
 */
export async function resize(
  id: string,
  plan: MachinePlan,
  provider: Provider,
  { settle, off }: ResizeSteps,
  signal: AbortSignal,
): Promise<void> {
  const change = async () => settle(await provider.reconfigure(id, desiredJson(plan), signal));
  // Older providers cannot say.
  const online = await provider.resizesOnline(signal).catch(() => true);
  try {
    if (online) await change();
    if (online && (await isOfSize(id, plan, provider, signal))) return;
  } catch (error) {
    if (!(error instanceof EdgeplaneError) || error.status !== 'FAILED_PRECONDITION') throw error;
  }
  await off();
  await change();
  if (await isOfSize(id, plan, provider, signal)) return;
  const what = `resizing ${plan.name}`;
  const reason = 'it reports success, and the machine has the size it had';
  throw fail(remoteErrors.FAILED, { peer: provider.peer, what, reason });
}

/** Whether the provider shows that size, or shows none. */
async function isOfSize(
  id: string,
  { cpus, memoryMib }: MachinePlan,
  provider: Provider,
  signal: AbortSignal,
): Promise<boolean> {
  const vm = (await provider.list(signal)).find((listed) => listed.id === id);
  if (!vm || vm.cpu === 0 || vm.memoryMib === 0n) return true;
  return vm.cpu === cpus && vm.memoryMib === BigInt(memoryMib);
}
