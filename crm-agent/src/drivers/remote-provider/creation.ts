import { EdgeplaneError, fail } from '@edgeplane/base';
import { explain, persistently, Tries } from '../remote/call-policy.js';
import { remoteErrors } from '../remote/errors.js';
import type { MachinePlan } from './machine-plan.js';
import type { MachinesOptions } from './machines.js';
import type { Provider } from './provider.js';
import type { MachineRecord } from './records.js';
import { classJson, DISKS_JSON, imageJson, networksJson } from './wire-json.js';

/**
 * Has the provider make the machine, and records its id. A call whose answer was lost is not made again before the machine has
 * been looked for by its name: there are providers that make another one each time.
 * @throws what the provider says against it
 */
export async function askFor(
  record: MachineRecord,
  options: MachinesOptions,
  signal: AbortSignal,
): Promise<MachineRecord> {
  const { provider, records, clock, random, timing } = options;
  const { plan } = record;
  const patience = { clock, random, signal, ...timing };
  const tries = new Tries(patience);
  const find = () => persistently(patience, () => findNamed({ id: '', plan }, provider, signal));
  const keep = async (changed: MachineRecord) => {
    await records.put(changed);
    return changed;
  };
  let current = record;
  for (;;) {
    try {
      const [found] = current.asked ? await find() : [];
      if (found !== undefined) return await keep({ ...current, id: found, task: '' });
      await persistently(patience, () => requireReady(provider, signal));
      if (!current.asked) current = await keep({ ...current, asked: true });
      const answer = await create(plan, provider, signal);
      if (typeof answer !== 'string') return await keep({ ...current, ...answer });
      // Made from another request, by an earlier life: it is ours, by its name, and not what is wanted.
      if (answer === 'taken') for (const id of await find()) await provider.delete(id, signal);
      throw fail(remoteErrors.NOT_READY, {
        ...{ peer: provider.peer, reason: `${plan.name} is not known to be there yet` },
      });
    } catch (error) {
      await tries.failed(error).catch((final: unknown) => {
        throw explain(final, provider.peer, `making ${plan.name}`);
      });
    }
  }
}

/** What was made; or that the name is taken, or that nothing was said of what it is called. */
async function create(
  plan: MachinePlan,
  provider: Provider,
  signal: AbortSignal,
): Promise<{ readonly id: string; readonly task: string } | 'taken' | 'unnamed'> {
  try {
    const { id, task } = await provider.create(requestOf(plan), signal);
    return id === '' ? 'unnamed' : { id, task: task?.id ?? '' };
  } catch (error) {
    if (error instanceof EdgeplaneError && error.status === 'ALREADY_EXISTS') return 'taken';
    throw error;
  }
}

/** @throws NOT_READY with the provider's words, when it can do nothing at present */
async function requireReady(provider: Provider, signal: AbortSignal): Promise<void> {
  const fault = await provider.fault(signal);
  if (fault !== '') throw fail(remoteErrors.NOT_READY, { peer: provider.peer, reason: fault });
}

/**
 * Ids of all machines of that name. An id alone proves nothing: there are providers that give those of deleted machines to
 * others. Where an id is the name, the list of machines is not needed, which some providers take minutes for.
 */
export async function findNamed(
  { id, plan }: Pick<MachineRecord, 'id' | 'plan'>,
  provider: Provider,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (id === plan.name) return (await provider.look(id, signal)).state === 'missing' ? [] : [id];
  const listed = await provider.list(signal);
  return listed.filter(({ name }) => name === plan.name).map((vm) => vm.id);
}

function requestOf(plan: MachineRecord['plan']) {
  return {
    name: plan.name,
    userData: Buffer.from(plan.userData),
    classJson: classJson(plan),
    imageJson: imageJson(plan),
    networksJson: networksJson(plan),
    disksJson: DISKS_JSON,
    placementJson: '',
    tags: [...plan.tags],
    metaData: Buffer.from(plan.metaData),
  };
}
