import { once } from 'node:events';
import { type Duplex, PassThrough, type Readable, Writable } from 'node:stream';
import { type Clock, messageOf } from '@edgeplane/base';
import type { ShellEnd, TerminalSize } from '@edgeplane/remote-shell';
import { frames, type PodmanClient } from '../../engines/podman/index.js';
import { endSession, sessionOf } from '../../engines/process/index.js';
import type { Shell, ShellRequest } from '../../exec/shell.js';

/** How long programs get to end after their terminal hung up, milliseconds. */
const HANG_UP_MS = 1000;

/** What ends every program of the session that a process is in; undefined when the process has ended. */
export type SessionEnder = (pid: number) => Promise<(() => Promise<void>) | undefined>;

/** For a podman of this host. */
export function endsHostSessions(clock: Clock): SessionEnder {
  return async (pid) => {
    const session = await sessionOf(pid);
    return session && (() => endSession(session, { clock, graceMs: HANG_UP_MS }));
  };
}

export interface ContainerShellOptions {
  readonly client: PodmanClient;
  readonly endsSession: SessionEnder;
  readonly container: string;
  readonly request: Pick<ShellRequest, 'command' | 'plain'>;
  readonly size: TerminalSize;
  readonly signal: AbortSignal;
}

/** Runs a shell in a container. @throws what podman refuses, such as an image without `sh` */
export async function openContainerShell(options: ContainerShellOptions): Promise<Shell> {
  const { client, container, size, signal } = options;
  const { command, plain } = options.request;
  const argv = command === '' ? ['/bin/sh'] : ['/bin/sh', '-c', command];
  const terminal = !plain;
  const id = await client.execs.create(
    container,
    { argv, terminal, env: terminal ? ['TERM=xterm'] : [] },
    { signal },
  );
  const socket = await client.execs.attach(id, { terminal, ...size, signal });
  const { pid } = await client.execs.state(id).catch(() => ({ pid: 0 }));
  return new ContainerShell(options, id, socket, pid === 0 ? undefined : await options.endsSession(pid));
}

/** Ends the input of a program at a terminal. */
const END_OF_TRANSMISSION = '\x04';

class ContainerShell implements Shell {
  readonly input: Writable;
  readonly output: Readable;
  readonly errors?: Readable;
  readonly ended: Promise<ShellEnd>;
  readonly #options: ContainerShellOptions;
  readonly #id: string;
  readonly #socket: Duplex;
  /** Undefined when it had ended before it could be looked at. */
  readonly #endSession: (() => Promise<void>) | undefined;
  #closed: Promise<void> | undefined;

  constructor(
    options: ContainerShellOptions,
    id: string,
    socket: Duplex,
    endSession: (() => Promise<void>) | undefined,
  ) {
    const { plain } = options.request;
    this.#options = options;
    this.#id = id;
    this.#socket = socket;
    this.#endSession = endSession;
    socket.on('error', () => undefined);
    this.input = new Writable({
      write: (chunk, _, done) => void socket.write(chunk, done),
      final: (done) => void (plain ? socket.end(done) : socket.write(END_OF_TRANSMISSION, done)),
    });
    if (plain) {
      const parts = { output: new PassThrough(), errors: new PassThrough() };
      this.output = parts.output;
      this.errors = parts.errors;
      void takeApart(socket, parts);
    } else this.output = socket;
    this.ended = this.#end();
  }

  async resize({ cols, rows }: TerminalSize): Promise<void> {
    if (!this.#options.request.plain) await this.#options.client.execs.resize(this.#id, cols, rows);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    // Podman lets a program run on when nobody is connected to it any more, and so do shells with what they began.
    await this.#endSession?.();
    this.#socket.destroy();
  }

  async #end(): Promise<ShellEnd> {
    await new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    try {
      const { running, exitCode } = await this.#options.client.execs.state(this.#id);
      return running ? { reason: 'the connection to podman was lost' } : { code: exitCode };
    } catch (error) {
      return { reason: messageOf(error) };
    }
  }
}

async function takeApart(
  socket: Duplex,
  { output, errors }: { readonly output: PassThrough; readonly errors: PassThrough },
): Promise<void> {
  try {
    for await (const { stream, data } of frames(socket)) {
      const to = stream === 2 ? errors : output;
      if (!to.write(data)) await once(to, 'drain');
    }
  } catch {
    // The connection broke: its end is what `ended` tells.
  }
  output.end();
  errors.end();
}

/** Ends every program that was started beside a container's own. */
export async function endShells(
  client: PodmanClient,
  endsSession: SessionEnder,
  containers: readonly { readonly Id: string }[],
): Promise<void> {
  for (const { Id } of containers) {
    const { ExecIDs } = await client.containers.inspect(Id);
    for (const id of ExecIDs ?? []) {
      const { running, pid } = await client.execs.state(id);
      const end = running ? await endsSession(pid) : undefined;
      await end?.();
    }
  }
}
