import { fail } from '@edgeplane/base';
import type { Command } from 'commander';
import type { Console } from './console.js';
import { cliErrors } from './errors.js';
import { type Rpc, rpcsOf } from './rpc-catalog.js';
import { type FileAction, readItems, runItems } from './run-file.js';
import { type GlobalOptions, outputOptions, withSession } from './session.js';

interface FileOptions extends GlobalOptions {
  readonly file?: string;
  readonly ignoreExisting?: boolean;
}

/** `-f`: the whole of a file, read and checked before the first call. */
export function addFileOption(command: Command): Command {
  return command.option('-f, --file <path>', 'YAML file of objects; - is standard input');
}

/** Does `action` with the objects of the file that the command's options name, or of standard input. */
export async function runFileCommand(console: Console, command: Command, action: FileAction): Promise<void> {
  const options = command.optsWithGlobals<FileOptions>();
  outputOptions(options);
  if (options.file === undefined && console.interactive)
    throw fail(cliErrors.NO_INPUT, { verb: command.name() });
  const items = await readItems(console, options.file ?? '-');
  const rpcs = new Map<string, Rpc>(rpcsOf('controller').map((rpc) => [rpc.name, rpc]));
  await withSession(console, 'controller', options, ({ caller }) =>
    runItems(console, caller, rpcs, items, {
      ...action,
      ignoreExisting: action.ignoreExisting || options.ignoreExisting === true,
    }),
  );
}
