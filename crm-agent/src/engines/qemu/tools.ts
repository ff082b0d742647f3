import { execFile } from 'node:child_process';
import { fail } from '@edgeplane/base';
import { qemuErrors } from './errors.js';

/** Which Debian package brings which program. */
const PACKAGES: Readonly<Record<string, string>> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-img': 'qemu-utils',
  ip: 'iproute2',
  iptables: 'iptables',
};

export interface ToolOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ToolOptions {
  readonly timeoutMs?: number;
  /** Kills it. */
  readonly signal?: AbortSignal;
  /** Group that it is to have; default: ours. */
  readonly gid?: number;
}

/**
 * Runs a program to its end, without a shell. Gives any exit code; throws `toolMissing` when there is no such program, and the
 * signal's reason when that has it killed.
 */
export function runTool(
  command: string,
  args: readonly string[],
  { timeoutMs = 60_000, signal, gid }: ToolOptions = {},
): Promise<ToolOutput> {
  return new Promise((resolve, reject) => {
    const options = {
      // Programs of the network are not on the search path of everybody.
      env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
      ...{ timeout: timeoutMs, killSignal: 'SIGKILL' as const, maxBuffer: 16 * 1024 * 1024 },
      ...(signal ? { signal } : {}),
      ...(gid === undefined ? {} : { gid }),
    };
    execFile(command, [...args], options, (error, stdout, stderr) => {
      if (!error) resolve({ code: 0, stdout, stderr });
      else if (error.code === 'ENOENT') reject(toolMissing(command));
      else if (signal?.aborted) reject(signal.reason);
      else if (error.killed)
        reject(
          fail(qemuErrors.toolFailed, { command, reason: `killed after ${timeoutMs} ms` }, { cause: error }),
        );
      else if (typeof error.code === 'number') resolve({ code: error.code, stdout, stderr });
      else reject(fail(qemuErrors.toolFailed, { command, reason: error.message }, { cause: error }));
    });
  });
}

export function toolMissing(command: string): Error {
  const name = command.slice(command.lastIndexOf('/') + 1);
  return fail(qemuErrors.toolMissing, { command, package: PACKAGES[name] ?? name });
}
