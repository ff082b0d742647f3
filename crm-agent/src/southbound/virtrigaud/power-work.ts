import { fail, isKind } from '@edgeplane/base';
import { type Nic, qemuErrors, type ResourceReport, type VmSpec } from '../../engines/qemu/index.js';
import type { OperationLog, RunContext, Success } from '../work/index.js';
import { virtrigaudErrors } from './errors.js';
import { forwardsOf } from './forwards.js';
import { runnerOf, type WorkTools } from './work-tools.js';

export interface PowerWork {
  readonly id: string;
  readonly op: 'on' | 'off' | 'reboot' | 'shutdown';
  /** What a guest gets to shut down. */
  readonly graceMs: number;
}

export interface ReconfigureWork {
  readonly id: string;
  readonly change: Partial<Pick<VmSpec, 'cpus' | 'memoryMib' | 'maxCpus' | 'maxMemoryMib'>>;
  /** New sizes by disk. */
  readonly disks: Readonly<Record<string, number>>;
}

export interface UpgradeWork {
  readonly id: string;
  readonly version: string;
}

/** A guest that is restarted, not reset, gets so long to shut down. */
export const DEFAULT_GRACE_MS = 60_000;

/** Registers power and hardware of machines. */
export function registerPowerWork(log: OperationLog, tools: WorkTools): void {
  log.register(
    'power',
    runnerOf<PowerWork>(tools, 'short', (work, context) => power(tools, work, context)),
  );
  log.register(
    'reconfigure',
    runnerOf<ReconfigureWork>(tools, 'short', (work) => reconfigure(tools, work)),
  );
  log.register(
    'upgrade',
    runnerOf<UpgradeWork>(tools, 'short', async ({ id, version }) => {
      await tools.engine.resources.upgrade(id, version, await tools.engine.machineVersions());
      return { message: `hardware of version ${version}` };
    }),
  );
}

async function power(
  tools: WorkTools,
  { id, op, graceMs }: PowerWork,
  { signal }: RunContext,
): Promise<Success> {
  const { engine } = tools;
  if (op === 'on') return start(tools, id);
  if (op !== 'reboot') {
    const means = await engine.stop(id, { graceMs: op === 'off' ? 0 : graceMs, signal });
    return { message: `off: ${means}` };
  }
  if ((await engine.status(id)).state !== 'running') return start(tools, id);
  // What waits for a start is not brought by a guest's own restart.
  const waits = (await engine.resources.get(id)).needsRestart;
  if (!waits) return { message: `restarted: ${await engine.guest.reboot(id)}` };
  await engine.stop(id, { graceMs: DEFAULT_GRACE_MS, signal });
  return start(tools, id);
}

async function start(tools: WorkTools, id: string): Promise<Success> {
  const { engine, admission, inventory } = tools;
  const { spec, state } = await engine.status(id);
  const need = { flavor: id, memoryMb: spec?.memoryMib ?? 0, diskMb: 0, imageMb: 0 };
  if (state === 'running') await engine.start(id);
  else await admission.admit(need, () => startAnyPort(tools, id, spec?.nics ?? []));
  inventory.noteRestart(id, false);
  return { message: 'on' };
}

/** Starts a machine; when somebody has taken one of its ports meanwhile it gets others. */
async function startAnyPort({ engine, ports }: WorkTools, id: string, nics: readonly Nic[]): Promise<void> {
  try {
    await engine.start(id);
  } catch (error) {
    if (!isKind(error, qemuErrors.portInUse)) throw error;
    const forwards = await ports.take(id, forwardsOf(nics));
    try {
      const at = nics.findIndex(({ type }) => type === 'user');
      await engine.network.setForwards(id, forwards, at);
      await engine.start(id);
    } finally {
      ports.settled(forwards);
    }
  }
}

async function reconfigure(tools: WorkTools, { id, change, disks }: ReconfigureWork): Promise<Success> {
  const { engine, inventory } = tools;
  for (const [disk, sizeMib] of Object.entries(disks)) await engine.resources.growDisk(id, disk, sizeMib);
  if (Object.keys(change).length > 0) {
    const report = await engine.resources.set(id, change);
    await inventory.look(id);
    inventory.noteRestart(id, report.needsRestart);
    requireTaken(id, report);
  }
  return { message: 'reconfigured' };
}

/** An answer of success says that all of it is so now. */
export function requireTaken(id: string, { cpus, memoryMib, needsRestart }: ResourceReport): void {
  if (needsRestart) {
    const what = [
      ...(cpus.now === cpus.wanted ? [] : [`${cpus.wanted} CPUs (${cpus.now} now)`]),
      ...(memoryMib.now === memoryMib.wanted ? [] : [`${memoryMib.wanted} MiB (${memoryMib.now} now)`]),
    ].join(' and ');
    throw fail(virtrigaudErrors.RESTART_NEEDED, { id, what });
  }
  const { now, wanted } = memoryMib;
  if (now !== wanted) throw fail(virtrigaudErrors.MEMORY_NOT_TAKEN, { id, now, wanted });
}
