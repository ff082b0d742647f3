import { fail } from '@edgeplane/base';
import { Command } from 'commander';
import type { Console } from './console.js';
import { cliErrors } from './errors.js';
import { addFileOption, runFileCommand } from './file-command.js';
import { FORMATS } from './output.js';
import { type Rpc, rpcsOf, type Target } from './rpc-catalog.js';
import { setUpRpcCommand } from './rpc-command.js';
import { SHELL_CALL, setUpShellCommand } from './shell-command.js';

/** The whole of edgectl's command line. Parsing it runs the command. */
export function edgectlProgram(console: Console, version: string): Command {
  const program = new Command('edgectl')
    .description('talks to controllers and match engines')
    .version(`edgectl ${version}`, '--version', 'print the version')
    .helpOption('-h, --help', 'print this text')
    .option('--addr <host:port>', 'server; default 127.0.0.1:55001, of a match engine 127.0.0.1:50051')
    .option('--tls <certificate>', 'certificate file; the key and mex-ca.crt are found beside it')
    .option('--output-format <format>', `one of ${FORMATS.join(', ')}`, 'yaml')
    .option('--hidetags <tags>', 'leave out members with these tags, comma-separated: nocmp, timestamp', '')
    .exitOverride();
  addTarget(program, console, 'controller', 'calls of a controller');
  addTarget(program, console, 'dme', 'calls of a match engine');
  return program;
}

function addTarget(program: Command, console: Console, target: Target, about: string): void {
  const command = program.command(target).description(about);
  const rpcs = rpcsOf(target);
  for (const rpc of rpcs) {
    // Both spellings of a name are taken; help shows one.
    const setUp = rpc.name === SHELL_CALL ? setUpShellCommand : setUpRpcCommand;
    setUp(command.command(rpc.name).alias(rpc.name.toLowerCase()), console, target, rpc);
  }
  const verbs = new Set(rpcs.flatMap(({ verb }) => verb ?? []));
  for (const verb of verbs)
    addVerb(
      command,
      console,
      target,
      verb,
      rpcs.filter((rpc) => rpc.verb === verb),
    );
  if (target === 'controller') addApply(command, console);
}

/** `create flavor ...` for `CreateFlavor ...`, and `create -f file`. */
function addVerb(
  parent: Command,
  console: Console,
  target: Target,
  verb: string,
  rpcs: readonly Rpc[],
): void {
  const command = parent
    .command(verb)
    .alias(`${verb.charAt(0).toUpperCase()}${verb.slice(1)}`)
    .argument('[object]')
    .description(`${verb} an object`);
  for (const rpc of rpcs) setUpRpcCommand(command.command(rpc.object ?? rpc.name), console, target, rpc);
  const action = verb === 'create' || verb === 'delete' ? verb : undefined;
  if (action) addFileOption(command).description(`${verb} an object, or all of a file`);
  if (action === 'create')
    command.option('--ignore-existing', 'leave objects that exist as they are, and go on');
  // Parsed by the verb wherever it stands, so an object's command would not even see it.
  command.hook('preSubcommand', () => {
    const { file, ignoreExisting } = command.opts<{ file?: string; ignoreExisting?: boolean }>();
    const flag = file !== undefined ? 'file' : ignoreExisting ? 'ignore-existing' : undefined;
    if (flag !== undefined) throw fail(cliErrors.FILE_AND_OBJECT, { verb, flag });
  });
  command.action(async (object: string | undefined) => {
    const known = rpcs.map((rpc) => rpc.object ?? '').join(', ');
    if (object !== undefined || !action)
      throw fail(cliErrors.UNKNOWN_OBJECT, { verb, object: object ?? '', known });
    await runFileCommand(console, command, { action, ignoreExisting: false });
  });
}

function addApply(parent: Command, console: Console): void {
  const command = addFileOption(parent.command('apply'))
    .description('create the objects of a file that do not exist yet')
    .allowExcessArguments(false);
  command.action(() => runFileCommand(console, command, { action: 'create', ignoreExisting: true }));
}
