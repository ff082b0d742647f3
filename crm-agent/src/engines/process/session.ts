import { readdir, readlink } from 'node:fs/promises';
import { type Clock, fail, sleep } from '@edgeplane/base';
import { processErrors } from './errors.js';
import { readProcStat } from './proc.js';

/**
 * All processes that share a controlling terminal or were meant to end together. The namespace tells them from those of
 * a session that came to the same number later.
 */
export interface ProcessSession {
  readonly id: number;
  readonly pidNamespace: string;
}

/** Undefined when the process is gone. */
export async function sessionOf(pid: number): Promise<ProcessSession | undefined> {
  const stat = await readProcStat(pid);
  const pidNamespace = await namespaceOf(pid);
  return stat && pidNamespace !== undefined ? { id: stat.session, pidNamespace } : undefined;
}

const POLL_MS = 20;
const KILL_WAIT_MS = 10_000;

/** Hangs up on every process of the session, kills what is left after the grace period, and waits until none is. */
export async function endSession(
  session: ProcessSession,
  { clock, graceMs }: { readonly clock: Clock; readonly graceMs: number },
): Promise<void> {
  const killAt = clock.monotonic() + graceMs;
  const giveUpAt = killAt + KILL_WAIT_MS;
  let signal: NodeJS.Signals | undefined = 'SIGHUP';
  for (;;) {
    const members = await membersOf(session);
    if (members.length === 0) return;
    const now = clock.monotonic();
    if (now >= giveUpAt)
      throw fail(processErrors.processStillRuns, { pid: members[0] ?? 0, ms: KILL_WAIT_MS });
    // Again and again, as they may start others meanwhile.
    if (now >= killAt) signal = 'SIGKILL';
    for (const pid of signal ? members : []) tell(pid, signal ?? 'SIGKILL');
    signal = undefined;
    await sleep(clock, POLL_MS);
  }
}

async function membersOf({ id, pidNamespace }: ProcessSession): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const stat = await readProcStat(pid);
    if (stat?.session !== id || stat.state === 'Z' || stat.state === 'X') continue;
    if ((await namespaceOf(pid)) === pidNamespace) found.push(pid);
  }
  return found;
}

async function namespaceOf(pid: number): Promise<string | undefined> {
  return readlink(`/proc/${pid}/ns/pid`).catch(() => undefined);
}

function tell(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
