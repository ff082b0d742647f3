import { SHOW_OPTIONS, type ShowOption } from '@edgeplane/objects';
import { Metadata } from '@grpc/grpc-js';
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
  run?: (request: unknown, session: Session) => Promise<void>,
): Command {
  const flags = messageFlags(rpc.request);
  for (const flag of flags) command.addOption(optionOf(flag));
  const options: readonly ShowOption[] = rpc.shows ? Object.values(SHOW_OPTIONS) : [];
  for (const { name, type, about } of options)
    command.option(
      type === 'boolean' ? `--${name}` : `--${name} <${type === 'integer' ? 'number' : 'text'}>`,
      about,
    );
  return command
    .description(rpc.stream && !rpc.incremental ? `call ${rpc.name}; prints a list` : `call ${rpc.name}`)
    .allowExcessArguments(false)
    .action(async () => {
      const given = flags.flatMap((flag) => {
        const texts: unknown = command.getOptionValue(flag.name);
        return Array.isArray(texts) ? [{ flag, texts: texts as string[] }] : [];
      });
      const metadata = new Metadata();
      for (const option of options) {
        const value: unknown = command.getOptionValue(option.name);
        if (value !== undefined) metadata.set(option.metadata, String(value));
      }
      const request = messageOfFlags(rpc.request, given, rpc.verb === 'update');
      await withSession(console, target, command.optsWithGlobals<GlobalOptions>(), (session) =>
        run ? run(request, session) : runRpc(console, session.caller, rpc, request, session.output, metadata),
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
