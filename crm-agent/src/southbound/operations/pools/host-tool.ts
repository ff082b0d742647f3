import { execFile } from 'node:child_process';
import { fail } from '@edgeplane/base';
import { operationsErrors } from '../errors.js';

export interface ToolResult {
  readonly code: number;
  readonly output: string;
  /** The last line of what it complained about. */
  readonly complaint: string;
}

const MOST_OUTPUT = 4 * 1024 * 1024;

/** Runs a program of the host to its end, without a shell. @throws TOOL_FAILED when it cannot be run */
export function runHostTool(
  command: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<ToolResult> {
  const env = { ...process.env, LC_ALL: 'C', PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
  return new Promise((resolve, reject) => {
    execFile(command, [...args], { maxBuffer: MOST_OUTPUT, env, signal }, (error, stdout, stderr) => {
      const complaint = stderr.trim().split('\n').at(-1) || stdout.trim().split('\n').at(-1) || '';
      if (!error || typeof error.code === 'number')
        resolve({ code: error ? Number(error.code) : 0, output: stdout.trim(), complaint });
      else if (signal.aborted) reject(signal.reason);
      else reject(fail(operationsErrors.TOOL_FAILED, { command, reason: error.message }, { cause: error }));
    });
  });
}

/** Whether a program is installed. */
export async function hasTool(command: string, signal: AbortSignal): Promise<boolean> {
  return (await runHostTool('sh', ['-c', 'command -v "$1"', 'sh', command], signal)).code === 0;
}

/**
 * Programs that work on one image, one after the other. One that outlives us, as after a kill, is waited for: it has the lock
 * for as long as it runs, and breaking off the wait for it does not end it either.
 */
export class ImageTools {
  readonly #lockFile: string;

  constructor(lockFile: string) {
    this.#lockFile = lockFile;
  }

  try(command: string, args: readonly string[], signal: AbortSignal): Promise<ToolResult> {
    return runHostTool('flock', [this.#lockFile, command, ...args], signal);
  }

  /** @throws TOOL_FAILED when it does not end well */
  async run(command: string, args: readonly string[], signal: AbortSignal): Promise<string> {
    const { code, output, complaint } = await this.try(command, args, signal);
    if (code === 0) return output;
    const reason = complaint || `it ended with ${code}`;
    throw fail(operationsErrors.TOOL_FAILED, { command: [command, ...args].join(' '), reason });
  }
}
