import { readBootId, readProcStat } from './proc.js';

/**
 * Names one process for good. A pid alone is used again by the kernel, so it comes with the start time, and as that
 * counts from boot, with the boot id. Plain data: store it as JSON.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: string;
  readonly bootId: string;
}

/** The identity of a live process; undefined when the pid is free or the process has ended. */
export async function identityOf(pid: number): Promise<ProcessIdentity | undefined> {
  const stat = await readProcStat(pid);
  if (!stat || hasEnded(stat.state)) return undefined;
  return { pid, startTicks: stat.startTicks, bootId: await readBootId() };
}

/** True while that very process runs. A zombie has ended: where nobody reaps orphans it would stay for ever. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const stat = await readProcStat(identity.pid);
  if (!stat || hasEnded(stat.state) || stat.startTicks !== identity.startTicks) return false;
  return (await readBootId()) === identity.bootId;
}

/** Reads an identity from parsed JSON; undefined when it is not one. */
export function toIdentity(value: unknown): ProcessIdentity | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { pid, startTicks, bootId } = value as Record<string, unknown>;
  if (typeof pid !== 'number' || !Number.isInteger(pid) || pid < 2) return undefined;
  return typeof startTicks === 'string' && typeof bootId === 'string'
    ? { pid, startTicks, bootId }
    : undefined;
}

function hasEnded(state: string): boolean {
  return state === 'Z' || state === 'X' || state === 'x';
}
