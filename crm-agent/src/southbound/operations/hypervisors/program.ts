import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { type Clock, fail, messageOf } from '@edgeplane/base';
import { operationsErrors } from '../errors.js';

export interface ProgramRun {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** What it reads. */
  readonly input: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Told the pid before the program can have done much. */
  readonly onStart?: (pid: number) => Promise<void>;
  readonly onLine?: (line: string) => void;
}

export interface ProgramOutput {
  readonly code: number;
  /** Whole lines of standard output. */
  readonly lines: readonly string[];
  /** The end of standard error. */
  readonly complaint: string;
}

const MOST_OUTPUT = 1024 * 1024;
const MOST_COMPLAINT = 4096;
/** Between being asked to end and being ended. */
const GRACE_MS = 5000;
const DRAIN_MS = 1000;

/**
 * Runs an operator's program to its end, without a shell, in a process group of its own that does not outlive the call: when
 * it takes too long, says too much or is not wanted any more, the whole group ends.
 * @throws PROGRAM_FAILED, or the reason of the signal
 */
export async function runProgramFile(run: ProgramRun, verb: string, id: string): Promise<ProgramOutput> {
  const { program, signal, clock } = run;
  signal.throwIfAborted();
  const failed = (reason: string) => fail(operationsErrors.PROGRAM_FAILED, { program, verb, id, reason });
  const child = spawn(program, [...run.args, verb], {
    ...{ cwd: run.cwd, env: { PATH: process.env['PATH'], ...run.env } },
    ...{ detached: true, stdio: ['pipe', 'pipe', 'pipe'] },
  });
  let trouble: Error | undefined;
  let cancelKill = () => {};
  const end = (reason: Error) => {
    if (trouble) return;
    trouble = reason;
    signalGroup(child.pid, 'SIGTERM');
    cancelKill = clock.after(GRACE_MS, () => signalGroup(child.pid, 'SIGKILL'));
  };
  const onAbort = () => end(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  const cancelTimeout = clock.after(run.timeoutMs, () =>
    end(failed(`still runs after ${run.timeoutMs / 1000} s`)),
  );
  const closed = new Promise<number>((resolve, reject) => {
    child.once('error', (error) => reject(failed(`cannot be started: ${error.message}`)));
    // Not 'close': a process that it left behind may hold its output open.
    child.once('exit', (code, by) => resolve(code ?? (by ? 128 : 1)));
  });
  closed.catch(() => undefined);
  const lines = new OutputLines(run.onLine, () => end(failed(`says more than ${MOST_OUTPUT} bytes`)));
  child.stdout.setEncoding('utf8').on('data', (data: string) => lines.add(data));
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (data: string) => {
    complaint = (complaint + data).slice(-MOST_COMPLAINT);
  });
  // It need not read what it is told.
  child.stdin.on('error', () => undefined);
  try {
    if (child.pid !== undefined) await run.onStart?.(child.pid);
    child.stdin.end(run.input);
    const code = await closed;
    signalGroup(child.pid, 'SIGKILL');
    await drained(child.stdout, clock);
    if (trouble) throw trouble;
    return { code, lines: lines.end(), complaint: complaint.trim() };
  } catch (error) {
    signalGroup(child.pid, 'SIGKILL');
    throw trouble ?? (error instanceof Error ? error : failed(messageOf(error)));
  } finally {
    cancelTimeout();
    cancelKill();
    signal.removeEventListener('abort', onAbort);
  }
}

/** Resolves when all that was written is read. What left the process group may hold the other end open: that is not waited for. */
async function drained(output: Readable, clock: Clock): Promise<void> {
  const cancel = clock.after(DRAIN_MS, () => output.destroy());
  await new Promise<void>((resolve) => (output.closed ? resolve() : output.once('close', resolve)));
  cancel();
}

class OutputLines {
  readonly #lines: string[] = [];
  readonly #onLine: ((line: string) => void) | undefined;
  readonly #tooMuch: () => void;
  #rest = '';
  #bytes = 0;

  constructor(onLine: ((line: string) => void) | undefined, tooMuch: () => void) {
    this.#onLine = onLine;
    this.#tooMuch = tooMuch;
  }

  add(data: string): void {
    this.#bytes += Buffer.byteLength(data);
    if (this.#bytes > MOST_OUTPUT) {
      this.#tooMuch();
      return;
    }
    const lines = (this.#rest + data).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#take(line);
  }

  end(): readonly string[] {
    if (this.#rest.trim() !== '') this.#take(this.#rest);
    this.#rest = '';
    return this.#lines;
  }

  #take(line: string): void {
    if (line.trim() === '') return;
    this.#lines.push(line);
    this.#onLine?.(line);
  }
}

/** Signals a process group; none is fine. */
export function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
