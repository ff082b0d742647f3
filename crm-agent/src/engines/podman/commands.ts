import { execFile } from 'node:child_process';
import { constants, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, isThere, sleep } from '@edgeplane/base';
import { searchPath } from './settings.js';

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Runs a program to its end. A failure is a result, not an exception; a program that cannot start has code 127. */
export function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(
      file,
      [...args],
      {
        env: options.env ?? { ...process.env, PATH: searchPath() },
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        timeout: options.timeoutMs ?? 60_000,
        killSignal: 'SIGKILL',
        maxBuffer: 16 << 20,
        encoding: 'utf8',
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 127;
        const reason = stderr.trim() === '' && error ? error.message : stderr;
        resolve({ code, stdout, stderr: reason.trim() });
      },
    );
  });
}

/** The last line of an error output: podman puts the cause there. */
export function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() ?? '';
}

/** Full path of a program, looked for in `places` and then along the search path. */
export async function findProgram(name: string, places: readonly string[] = []): Promise<string | undefined> {
  for (const dir of [...places, ...searchPath().split(':')]) {
    if (dir === '') continue;
    const path = join(dir, name);
    const found = await isThere(path, constants.X_OK);
    if (found) return path;
  }
  return undefined;
}

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessId {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat, clock ticks since boot. */
  readonly startTime: string;
}

export async function processId(pid: number): Promise<ProcessId | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie keeps its number until its parent waits; it is dead all the same.
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return { pid, startTime: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

export async function isAlive(id: ProcessId): Promise<boolean> {
  return (await processId(id.pid))?.startTime === id.startTime;
}

/** Living processes whose argument list satisfies `matches`. */
export async function findProcesses(matches: (argv: readonly string[]) => boolean): Promise<ProcessId[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found: ProcessId[] = [];
  for (const pid of pids) {
    if (pid === process.pid) continue;
    const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (text === '' || !matches(text.split('\0'))) continue;
    const id = await processId(pid);
    if (id) found.push(id);
  }
  return found;
}

/** True when the process runs the given program; used before a signal is sent to a number that was found. */
export async function runsProgram(pid: number, name: string): Promise<boolean> {
  const target = await readlink(`/proc/${pid}/exe`).catch(() => '');
  return target.endsWith(`/${name}`);
}

/** Asks processes to end, then insists after `graceMs`; resolves when none is left. */
export async function endProcesses(ids: readonly ProcessId[], graceMs: number, clock: Clock): Promise<void> {
  for (const [signal, limit] of [
    ['SIGTERM', graceMs],
    ['SIGKILL', 5_000],
  ] as const) {
    for (const id of ids) if (await isAlive(id)) trySignal(id.pid, signal);
    const gone = await until(clock, limit, async () =>
      (await Promise.all(ids.map(isAlive))).every((a) => !a),
    );
    if (gone) return;
  }
}

function trySignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended between the look and the signal.
  }
}

/** Polls `condition` until it holds or `limitMs` passed; says which. */
export async function until(
  clock: Clock,
  limitMs: number,
  condition: () => Promise<boolean>,
  signal?: AbortSignal,
): Promise<boolean> {
  const end = clock.monotonic() + limitMs;
  for (let wait = 5; ; wait = Math.min(wait * 2, 100)) {
    if (await condition()) return true;
    if (clock.monotonic() >= end) return false;
    await sleep(clock, wait, signal);
  }
}
