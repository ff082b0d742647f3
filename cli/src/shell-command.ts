import { fail, messageOf } from '@edgeplane/base';
import type { ExecRequest } from '@edgeplane/proto/edgeproto/exec.js';
import type { Command } from 'commander';
import type { Console } from './console.js';
import { cliErrors } from './errors.js';
import type { Rpc, Target } from './rpc-catalog.js';
import { setUpRpcCommand } from './rpc-command.js';
import { runRpc } from './run-rpc.js';

/** The call that opens a shell, rather than printing its answer. */
export const SHELL_CALL = 'RunCommand';

interface ShellOptions {
  readonly stun: string;
  readonly turn: string;
  readonly turnCredentials?: string;
}

/** Configures the command: the flags of its request, and what connecting needs. With an offer it is a plain call. */
export function setUpShellCommand(command: Command, console: Console, target: Target, rpc: Rpc): Command {
  return setUpRpcCommand(command, console, target, rpc, async (request, session) => {
    const asked = request as ExecRequest;
    const { streams } = console;
    if (asked.offer !== '' || !streams) return runRpc(console, session.caller, rpc, request, session.output);
    // Costs a tenth of a second, which other commands need not pay.
    const { parseIceServers } = await import('@edgeplane/remote-shell');
    const { runShell } = await import('./run-shell.js');
    const { stun, turn, turnCredentials } = command.opts<ShellOptions>();
    const credentials = turnCredentials === undefined ? {} : await readCredentials(console, turnCredentials);
    const servers = [...parseIceServers(stun), ...parseIceServers(turn, credentials)];
    await runShell(streams, session.caller, rpc, asked, servers);
  })
    .description('open a shell in an AppInst, or run a command; ends with its status')
    .option('--stun <servers>', 'STUN servers, comma-separated as stun:<host>:<port>', '')
    .option('--turn <servers>', 'TURN servers, comma-separated as turn:<host>:<port>', '')
    .option('--turn-credentials <file>', 'JSON file with username and credential for the TURN servers');
}

async function readCredentials(
  console: Console,
  path: string,
): Promise<{ readonly username: string; readonly credential: string }> {
  const refuse = (reason: string) => fail(cliErrors.FILE_UNREADABLE, { path, reason });
  let value: unknown;
  try {
    value = JSON.parse(await console.read(path));
  } catch (error) {
    // The parser's text would quote the secret.
    throw refuse(error instanceof SyntaxError ? 'it is not JSON' : messageOf(error));
  }
  const { username, credential } = (value ?? {}) as Partial<Record<string, unknown>>;
  if (typeof username !== 'string' || typeof credential !== 'string')
    throw refuse('it must be an object with texts username and credential');
  return { username, credential };
}
