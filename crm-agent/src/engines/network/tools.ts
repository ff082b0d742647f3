import { execFile } from 'node:child_process';
import { fail } from '@edgeplane/base';
import { networkErrors } from './errors.js';

/** Which Debian package brings which program. */
const PACKAGES: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  'iptables-save': 'iptables',
  'iptables-restore': 'iptables',
};
const LIMIT_MS = 30_000;

/** What a program writes. @throws NETWORK_COMMAND_FAILED with its words, or naming the package that is missing. */
export function runTool(command: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    // Programs of the packet filter are not on the search path of everybody.
    const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
    const options = { env, timeout: LIMIT_MS, killSignal: 'SIGKILL', maxBuffer: 64 << 20 } as const;
    const child = execFile(command, [...args], options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const missing = error.code === 'ENOENT' ? `Debian package ${PACKAGES[command]} is missing` : '';
      const killed = error.killed ? `killed after ${LIMIT_MS} ms` : '';
      const reason = missing || killed || stderr.trim() || error.message;
      reject(
        fail(
          networkErrors.NETWORK_COMMAND_FAILED,
          { command: [command, ...args].join(' '), reason },
          { cause: error },
        ),
      );
    });
    // A program that cannot start, or ends early, reads nothing.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

/** Takes a failure for success when its text matches. */
export async function mayFail(work: Promise<unknown>, text: RegExp): Promise<void> {
  await work.catch((error: unknown) => {
    if (!(error instanceof Error) || !text.test(error.message)) throw error;
  });
}
