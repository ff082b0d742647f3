import { type Command, Option } from 'commander';
import type { Console } from './console.js';
import { messageOfFlags } from './flag-message.js';
import { type MessageFlag, messageFlags } from './flag-table.js';
import type { Rpc, Target } from './rpc-catalog.js';
import { runRpc } from './run-rpc.js';
import { type GlobalOptions, type Session, withSession } from './session.js';

/** Configures the command of one call: a flag per leaf of its request. Its name is the caller's choice. `run` makes it. */
export function setUpRpcCommand(
  command: Command,
  console: Console,
  target: Target,
  rpc: Rpc,
  run: (request: unknown, session: Session) => Promise<void> = (request, { caller, output }) =>
    runRpc(console, caller, rpc, request, output),
): Command {
  const flags = messageFlags(rpc.request);
  for (const flag of flags) command.addOption(optionOf(flag));
  return command
    .description(rpc.stream && !rpc.incremental ? `call ${rpc.name}; prints a list` : `call ${rpc.name}`)
    .allowExcessArguments(false)
    .action(async () => {
      const given = flags.flatMap((flag) => {
        const texts: unknown = command.getOptionValue(flag.name);
        return Array.isArray(texts) ? [{ flag, texts: texts as string[] }] : [];
      });
      const request = messageOfFlags(rpc.request, given, rpc.verb === 'update');
      await withSession(console, target, command.optsWithGlobals<GlobalOptions>(), (session) =>
        run(request, session),
      );
    });
}

/** Values are kept under the flag's own name, as lists of texts in the order given. */
class MessageOption extends Option {
  readonly #key: string;

  constructor(flag: MessageFlag) {
    const value = flag.value === 'true|false' ? '[true|false]' : `<${flag.value}>`;
    super(`--${flag.name} ${value}`, flag.about);
    this.#key = flag.name;
  }

  override attributeName(): string {
    return this.#key;
  }
}

function optionOf(flag: MessageFlag): Option {
  const collect = (text: string, before: string[] | undefined) => [...(before ?? []), text];
  const option = new MessageOption(flag).argParser(collect);
  // A switch without a value means true.
  return flag.value === 'true|false' ? option.preset('true') : option;
}
