import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { type Clock, systemClock } from './clock.js';
import { deferred } from './deferred.js';

/** A program of ours to run as a child: it logs JSON lines on standard error and says `Ready` once. */
export interface LaunchOptions {
  /** For messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Where its log goes, besides being watched. */
  readonly logFile?: string;
  readonly clock?: Clock;
}

export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Launched {
  readonly name: string;
  readonly pid: number;
  /** Resolves with the `Ready` line; rejects with the program's last words when it ends before. */
  readonly ready: Promise<Readonly<Record<string, unknown>>>;
  /** Resolves when it has ended; never rejects. */
  readonly exited: Promise<ExitStatus>;
  /** The last lines it logged. */
  tail(): readonly string[];
  /** Sends a signal; nothing happens when it has ended. */
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, then SIGKILL after `graceMs`; resolves when it has ended. */
  stop(graceMs?: number): Promise<ExitStatus>;
}

const TAIL_LINES = 20;

/** Starts a program in a process group of its own, so that a terminal's Ctrl-C reaches only its owner. */
export function launch(options: LaunchOptions): Launched {
  const clock = options.clock ?? systemClock;
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const ready = deferred<Readonly<Record<string, unknown>>>();
  const exited = deferred<ExitStatus>();
  const tail: string[] = [];
  // A caller that only waits for the end must not be blamed for an unhandled rejection.
  ready.promise.catch(() => undefined);
  const onLine = (line: string) => {
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
    const record = parseLogLine(line);
    if (record?.['msg'] === 'Ready') ready.resolve(record);
  };
  readLines(child, options.logFile, onLine);
  let ended = false;
  const finish = (status: ExitStatus, reason: string) => {
    ended = true;
    ready.reject(new Error(`${options.name} ${reason}: ${lastWords(tail)}`));
    exited.resolve(status);
  };
  child.on('error', (error) =>
    finish({ code: 127, signal: null }, `could not be started (${error.message})`),
  );
  child.on('close', (code, signal) => finish({ code, signal }, `ended with ${signal ?? `status ${code}`}`));
  const kill = (signal: NodeJS.Signals) => {
    if (!ended) child.kill(signal);
  };
  return {
    name: options.name,
    pid: child.pid ?? 0,
    ready: ready.promise,
    exited: exited.promise,
    tail: () => [...tail],
    kill,
    async stop(graceMs = 20_000) {
      kill('SIGTERM');
      const cancel = clock.after(graceMs, () => kill('SIGKILL'));
      const status = await exited.promise;
      cancel();
      return status;
    },
  };
}

function readLines(child: ChildProcess, logFile: string | undefined, onLine: (line: string) => void): void {
  const log = logFile === undefined ? undefined : createWriteStream(logFile, { flags: 'a', mode: 0o600 });
  let rest = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    log?.write(chunk);
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  child.on('close', () => {
    if (rest) onLine(rest);
    log?.end();
  });
}

function parseLogLine(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** The program's own plain-text complaint when it made one, else its last log line. */
function lastWords(tail: readonly string[]): string {
  const plain = tail.filter((line) => line !== '' && !line.startsWith('{'));
  return plain.at(-1) ?? tail.at(-1) ?? 'it said nothing';
}
