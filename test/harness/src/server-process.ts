import { type ChildProcess, spawn } from 'node:child_process';
import { messageOf } from '@edgeplane/base';
import { eventually } from './eventually.js';

/** A server from a Debian package, and how one sees that it serves. */
export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** What is missing when there is no such program. */
  readonly debianPackage: string;
  /** Asked again and again until true; an error counts as not yet. */
  readonly serves: () => Promise<boolean>;
}

export interface ServerProcess {
  readonly child: ChildProcess;
  /** Resolves when it has ended; never rejects. */
  readonly ended: Promise<void>;
  /** Sends a signal and resolves when the process has ended; nothing when it has. */
  kill(signal?: NodeJS.Signals): Promise<void>;
}

const WORDS = 2000;

/**
 * Starts a server and waits until it serves. It ends with this process.
 * @throws Error naming the Debian package when there is no such program, else the server's last words.
 */
export async function startServer(server: ServerCommand): Promise<ServerProcess> {
  const { command, debianPackage } = server;
  const child = spawn(command, server.args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const onExit = () => void child.kill('SIGKILL');
  process.once('exit', onExit);
  let words = '';
  let failure: string | undefined;
  child.stderr.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-WORDS);
  });
  const ended = new Promise<void>((resolve) => {
    child.on('error', (error) => {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      failure = missing
        ? `no ${command} program: install the Debian package ${debianPackage}`
        : messageOf(error);
      resolve();
    });
    child.on('close', (code, signal) => {
      failure ??= `${command} ended with ${signal ?? code}: ${words.trim()}`;
      process.removeListener('exit', onExit);
      resolve();
    });
  });
  await eventually(`${command} serves`, async () => failure !== undefined || (await server.serves()));
  if (failure !== undefined) throw new Error(failure);
  return {
    child,
    ended,
    async kill(signal = 'SIGKILL') {
      child.kill(signal);
      await ended;
    },
  };
}
