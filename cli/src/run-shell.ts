import { spawn } from 'node:child_process';
import { fail, systemClock } from '@edgeplane/base';
import type { ExecRequest } from '@edgeplane/proto/edgeproto/exec.js';
import { callShell, type IceServer, type ShellIo } from '@edgeplane/remote-shell';
import type { Caller } from './caller.js';
import type { ByteStreams } from './console.js';
import { CommandExit, cliErrors } from './errors.js';
import type { Rpc } from './rpc-catalog.js';

/** Ctrl-], as in telnet and virsh: leaves a shell that cannot be ended from inside, such as a serial console. */
const LEAVE = 0x1d;

/**
 * Opens a remote shell and stays until it ends. With a terminal on both sides the remote one is a terminal too, of the
 * same size, and every key goes through; otherwise bytes pass as they are and standard error stays apart.
 * @throws CommandExit with the status of the command, when it is not 0
 * @throws EdgeplaneError CALL_FAILED, SHELL_ENDED, NO_ROUTE, CONNECTION_LOST
 */
export async function runShell(
  streams: ByteStreams,
  caller: Caller,
  rpc: Rpc,
  request: ExecRequest,
  iceServers: readonly IceServer[],
): Promise<void> {
  const { input, output } = streams;
  const terminal = !request.plain && input.isTTY === true && output.isTTY === true;
  const leaving = new AbortController();
  const leave = (status: number) => () => leaving.abort(new CommandExit(status));
  const restore = onSignals(leave);
  try {
    const end = await callShell({
      exchange: async (offer) => {
        const asked = { ...request, plain: !terminal, offer };
        const { answer } = (await caller.unary(rpc, asked)) as ExecRequest;
        if (terminal) {
          await write(streams.errors, Buffer.from('Ctrl-] leaves the shell.\n'));
          await makeRaw(input);
        }
        return answer;
      },
      io: ioOf(streams, terminal, leave(0)),
      iceServers,
      clock: systemClock,
      signal: leaving.signal,
    });
    if (end.reason !== undefined) throw fail(cliErrors.SHELL_ENDED, { reason: end.reason });
    if (end.code) throw new CommandExit(end.code);
  } catch (error) {
    if (!(error instanceof CommandExit && error.status === 0)) throw error;
  } finally {
    restore();
    if (terminal) input.setRawMode?.(false);
    // Whatever would still be typed is nobody's, and must not keep us.
    input.destroy();
  }
}

/** Node leaves the terminal turning LF into CR LF, which moves the cursor of programs that mean LF alone. */
async function makeRaw(input: ByteStreams['input']): Promise<void> {
  input.setRawMode?.(true);
  await new Promise<void>((resolve) => {
    const stty = spawn('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
    // Without the program it looks a little worse in some editors.
    stty.once('error', () => resolve());
    stty.once('close', () => resolve());
  });
}

function ioOf({ input, output, errors }: ByteStreams, terminal: boolean, leave: () => void): ShellIo {
  return {
    input: terminal ? untilLeft(input, leave) : input,
    output: (data) => write(output, data),
    errors: (data) => write(errors, data),
    ...(terminal ? { size: () => ({ cols: output.columns ?? 80, rows: output.rows ?? 24 }) } : {}),
    onResize(listener) {
      output.on('resize', listener);
      return () => output.off('resize', listener);
    },
  };
}

async function* untilLeft(input: AsyncIterable<Buffer>, leave: () => void): AsyncGenerator<Buffer> {
  for await (const chunk of input) {
    const at = chunk.indexOf(LEAVE);
    if (at < 0) yield chunk;
    else {
      yield chunk.subarray(0, at);
      leave();
      return;
    }
  }
}

function write(to: ByteStreams['output'], data: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    to.write(data, (error) => (error ? reject(error) : resolve()));
  });
}

/** Ends in good order when told to, so that the shell ends at once and the terminal is as it was. */
function onSignals(leave: (status: number) => () => void): () => void {
  const handlers = [
    ['SIGINT', leave(130)],
    ['SIGTERM', leave(143)],
    ['SIGHUP', leave(129)],
  ] as const;
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}
