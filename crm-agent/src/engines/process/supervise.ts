import { spawn } from 'node:child_process';
import { type FileHandle, open } from 'node:fs/promises';
import { type Clock, fail, sleep } from '@edgeplane/base';
import { processErrors } from './errors.js';
import { identityOf, isAlive, type ProcessIdentity } from './identity.js';

export interface SpawnOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment; default: ours. */
  readonly env?: NodeJS.ProcessEnv;
  /** Standard output and error are appended to this file, so that they outlive us. */
  readonly logFile: string;
  /** Group of the process; default: ours. */
  readonly gid?: number;
  /** Open files that the process gets too, from descriptor {@link FIRST_SHARED_FD} on. */
  readonly shared?: readonly number[];
}

/** After standard input, output and error. */
export const FIRST_SHARED_FD = 3;

/** How a process ended. A process that we did not start ourselves in this run gives neither. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface SpawnedProcess {
  readonly pid: number;
  /** undefined when the process ended before it could be looked at. */
  readonly identity: ProcessIdentity | undefined;
  /** Resolves when the process ends, while we live; never rejects. Waiting for it does not keep us alive. */
  readonly exited: Promise<ProcessExit>;
}

/**
 * Starts a process in a session of its own: it survives our end, gets no signal of our terminal, and holds none of
 * our descriptors except the log file and what it is to share.
 */
export async function spawnDetached(options: SpawnOptions): Promise<SpawnedProcess> {
  const log: FileHandle = await open(options.logFile, 'a', 0o640);
  try {
    const child = spawn(options.command, [...options.args], {
      cwd: options.cwd,
      env: options.env ?? process.env,
      detached: true,
      ...(options.gid === undefined ? {} : { gid: options.gid }),
      stdio: ['ignore', log.fd, log.fd, ...(options.shared ?? [])],
    });
    const exited = new Promise<ProcessExit>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
      child.once('error', () => resolve({ code: null, signal: null }));
    });
    const started = new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    await started.catch((error: unknown) => {
      const reason = (error as NodeJS.ErrnoException).code ?? String(error);
      throw fail(processErrors.processNotFound, { command: options.command, reason }, { cause: error });
    });
    child.unref();
    const pid = child.pid ?? 0;
    return { pid, identity: await identityOf(pid), exited };
  } finally {
    await log.close();
  }
}

/**
 * How a process that has just ended did so. The news comes as a signal to us, soon but not at once; a timer keeps us
 * alive until then. Neither code nor signal when it does not come.
 */
export async function exitOf(exited: Promise<ProcessExit>, clock: Clock): Promise<ProcessExit> {
  const abort = new AbortController();
  const late = sleep(clock, EXIT_NEWS_MS, abort.signal).then(
    () => ({ code: null, signal: null }),
    () => ({ code: null, signal: null }),
  );
  try {
    return await Promise.race([exited, late]);
  } finally {
    abort.abort();
  }
}

const EXIT_NEWS_MS = 2000;

/** How often a waiting call looks at /proc, in milliseconds: quick at first, since most ends are quick. */
const POLL_FIRST_MS = 5;
const POLL_MAX_MS = 100;

/** Waits until the process has ended; false when it still runs after `ms`. */
export async function waitForExit(
  identity: ProcessIdentity,
  clock: Clock,
  ms: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const deadline = clock.monotonic() + ms;
  for (let pause = POLL_FIRST_MS; ; pause = Math.min(pause * 2, POLL_MAX_MS)) {
    if (!(await isAlive(identity))) return true;
    const left = deadline - clock.monotonic();
    if (left <= 0) return false;
    await sleep(clock, Math.min(pause, left), signal);
  }
}

export interface TerminateOptions {
  readonly clock: Clock;
  /** Time between SIGTERM and SIGKILL; 0 sends SIGKILL at once. */
  readonly graceMs: number;
}

/** Time a killed process gets to disappear: it may be stuck in an uninterruptible system call. */
const KILL_WAIT_MS = 10_000;

/**
 * Ends that very process and no other: SIGTERM, then SIGKILL after the grace period. Resolves when it is gone, with
 * the signal that did it, or `gone` when it had ended before.
 */
export async function terminate(
  identity: ProcessIdentity,
  options: TerminateOptions,
): Promise<'gone' | 'SIGTERM' | 'SIGKILL'> {
  const { clock, graceMs } = options;
  if (!(await isAlive(identity))) return 'gone';
  if (graceMs > 0) {
    signalProcess(identity.pid, 'SIGTERM');
    if (await waitForExit(identity, clock, graceMs)) return 'SIGTERM';
  }
  signalProcess(identity.pid, 'SIGKILL');
  if (await waitForExit(identity, clock, KILL_WAIT_MS)) return 'SIGKILL';
  throw fail(processErrors.processStillRuns, { pid: identity.pid, ms: KILL_WAIT_MS });
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
