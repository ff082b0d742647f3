import { EdgeplaneError, messageOf } from '@edgeplane/base';
import { type Command, CommanderError } from 'commander';
import type { Console } from './console.js';
import { CommandExit } from './errors.js';
import { edgectlProgram } from './program.js';

/** Refused before anything was asked of a server. */
const WRONG_USE = 2;
const FAILED = 1;

/**
 * Runs edgectl with the arguments after its name.
 * @returns the exit status: 0 when all went well, 1 when a server or a file failed, 2 when the command line or a
 * file's content is wrong; of RunCommand the status of the command that was run.
 */
export async function runCli(argv: readonly string[], console: Console, version: string): Promise<number> {
  const program = edgectlProgram(console, version);
  let written = Promise.resolve();
  const write = (to: (text: string) => Promise<void>) => (text: string) => {
    written = written.then(() => to(text));
  };
  configure(program, write(console.out), write(console.err));
  let status = 0;
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    status = error instanceof CommanderError ? statusOf(error) : fault(error);
    const told = error instanceof CommanderError || error instanceof CommandExit;
    if (!told) write(console.err)(`Error: ${messageOf(error)}\n`);
  }
  await written;
  return status;
}

/** Commander copies settings only to commands made afterwards. */
function configure(
  command: Command,
  writeOut: (text: string) => void,
  writeErr: (text: string) => void,
): void {
  command.exitOverride().configureOutput({
    writeOut,
    writeErr,
    outputError: (text, print) => print(text.replace(/^error/, 'Error')),
  });
  for (const child of command.commands) configure(child, writeOut, writeErr);
}

function statusOf(error: CommanderError): number {
  return error.exitCode === 0 ? 0 : WRONG_USE;
}

function fault(error: unknown): number {
  if (error instanceof CommandExit) return error.status;
  return error instanceof EdgeplaneError && error.status === 'INVALID_ARGUMENT' ? WRONG_USE : FAILED;
}
