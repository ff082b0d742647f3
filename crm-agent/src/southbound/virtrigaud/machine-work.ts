import { fail } from '@edgeplane/base';
import type { CloneRequest } from '../../engines/qemu/index.js';
import type { OperationLog, OperationRecord, RunContext, Success } from '../work/index.js';
import { type ClonePlan, cloneChange } from './clone-plan.js';
import { type CreatePlan, vmSpecOf } from './create-plan.js';
import { virtrigaudErrors } from './errors.js';
import { forwardsOf } from './forwards.js';
import type { FoundImage } from './image-library.js';
import { differing, labelsOf } from './labels.js';
import { mibOf } from './values.js';
import { runnerOf, type WorkTools } from './work-tools.js';

/** What the records of operations on machines hold. The rest of a request, which may be secret, comes beside them. */
export interface CreateWork {
  readonly id: string;
  readonly name: string;
  readonly parts: Readonly<Record<string, string>>;
}

export interface CloneWork extends CreateWork {
  readonly source: string;
  readonly linked: boolean;
}

export interface DeleteWork {
  readonly id: string;
}

/** Kinds of operations that make machines: those that fetch or copy for long do not keep the others from being made. */
const CREATES = { create: 'short', 'create-from-url': 'long' } as const;
const CLONES = { clone: 'short', 'clone-full': 'long' } as const;

export const createKind = (fetches: boolean): keyof typeof CREATES =>
  fetches ? 'create-from-url' : 'create';
export const cloneKind = (linked: boolean): keyof typeof CLONES => (linked ? 'clone' : 'clone-full');
/** Whether an operation makes a machine. */
export const makesMachine = ({ kind }: Pick<OperationRecord, 'kind'>): boolean =>
  kind in CREATES || kind in CLONES;

/** Registers the making and removing of machines. */
export function registerMachineWork(log: OperationLog, tools: WorkTools): void {
  for (const [kind, weight] of Object.entries(CREATES))
    log.register(
      kind,
      runnerOf<CreateWork>(tools, weight, (work, context, record) => create(tools, work, context, record.id)),
    );
  for (const [kind, weight] of Object.entries(CLONES))
    log.register(
      kind,
      runnerOf<CloneWork>(tools, weight, (work, context, record) => clone(tools, work, context, record.id)),
    );
  log.register(
    'delete',
    runnerOf<DeleteWork>(tools, 'short', async ({ id }) => {
      const { spec } = await tools.engine.status(id);
      await tools.engine.remove(id);
      if (spec) await tools.images.release(spec.image);
      return { message: 'deleted' };
    }),
  );
}

async function create(
  tools: WorkTools,
  work: CreateWork,
  context: RunContext,
  instance: string,
): Promise<Success> {
  const { engine, images } = tools;
  const { id } = work;
  const made = { message: 'created', result: { id } };
  const { spec: there } = await engine.status(id);
  if (there) {
    requireSame(work, id, labelsOf(id, there).parts);
    // What was begun is completed; its image may be its disk by now.
    await engine.create(there);
    return made;
  }
  const plan = JSON.parse(await context.secret()) as CreatePlan;
  await context.step('image');
  await images.use(plan.image, context.signal, (image) =>
    makeFrom(image, plan, tools, work, context, instance),
  );
  return made;
}

async function makeFrom(
  image: FoundImage,
  plan: CreatePlan,
  tools: WorkTools,
  { id, name }: CreateWork,
  context: RunContext,
  instance: string,
): Promise<void> {
  const { engine, admission, disks, ports } = tools;
  await context.step('machine');
  const forwards = await ports.take(id, plan.class.forwards);
  const spec = vmSpecOf(plan, {
    ...{ id, instance, cloudlet: tools.cloudlet, display: tools.display },
    ...{ imagePath: image.path, imageMib: mibOf(image.virtualBytes), adopt: image.adopt },
    machineVersion: (await engine.machineVersions()).at(-1) ?? '',
    forwards,
  });
  const extraMib = plan.disks.reduce((sum, { sizeMib = 0 }) => sum + sizeMib, 0);
  const need = { flavor: name, memoryMb: 0, diskMb: (spec.diskMib ?? 0) + extraMib, imageMb: 0 };
  try {
    await admission.admit(need, () => engine.create(spec, { adopt: image.adopt }));
  } catch (error) {
    await engine.destroy(id);
    throw error;
  } finally {
    await tools.inventory.look(id);
    ports.settled(forwards);
  }
  if (image.adopt) await disks.remove(nameOfDisk(image.path));
}

/** The name under which an imported disk was known, by its path. */
export function nameOfDisk(path: string): string {
  return /imported-disk\.(.+)\.qcow2$/.exec(path)?.[1] ?? '';
}

function requireSame({ name, parts }: CreateWork, id: string, have: Readonly<Record<string, string>>): void {
  const field = differing(parts, have);
  if (field !== undefined) throw fail(virtrigaudErrors.VM_EXISTS, { name, id, field });
}

async function clone(
  tools: WorkTools,
  work: CloneWork,
  context: RunContext,
  instance: string,
): Promise<Success> {
  const { engine, ports } = tools;
  const { id, name, source, linked } = work;
  const { spec: there } = await engine.status(id);
  if (there) requireSame(work, id, labelsOf(id, there).parts);
  const plan = JSON.parse(await context.secret()) as ClonePlan;
  const { spec: from } = await engine.status(source);
  if (!from) throw fail(virtrigaudErrors.VM_NOT_FOUND, { id: source });
  await context.step('copy');
  const forwards = await ports.take(id, there ? [] : forwardsOf(from.nics));
  const request: CloneRequest = {
    ...{ source, id, kind: linked ? 'linked' : 'full', signal: context.signal },
    change: cloneChange(plan, from, {
      id,
      name,
      instance,
      cloudlet: tools.cloudlet,
      parts: work.parts,
      forwards,
    }),
  };
  try {
    await engine.clones.create(request);
  } finally {
    await tools.inventory.look(id);
    ports.settled(forwards);
  }
  const { diskMib } = plan.class ?? {};
  try {
    if (diskMib !== undefined && diskMib > (from.diskMib ?? 0))
      await engine.resources.growDisk(id, 'boot', diskMib);
  } catch (error) {
    await engine.destroy(id);
    throw error;
  }
  return { message: 'cloned', result: { id } };
}
