import { execFile } from 'node:child_process';
import { fail } from '@edgeplane/base';
import { qemuErrors } from './errors.js';

/** Which Debian package brings which program. */
const PACKAGES: Readonly<Record<string, string>> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-img': 'qemu-utils',
  ip: 'iproute2',
};

export interface ToolOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, without a shell. Gives any exit code; throws `toolMissing` when there is no such program. */
export function runTool(command: string, args: readonly string[], timeoutMs = 60_000): Promise<ToolOutput> {
  return new Promise((resolve, reject) => {
    const options = { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 16 * 1024 * 1024 } as const;
    execFile(command, [...args], options, (error, stdout, stderr) => {
      if (!error) resolve({ code: 0, stdout, stderr });
      else if (error.code === 'ENOENT') reject(toolMissing(command));
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
