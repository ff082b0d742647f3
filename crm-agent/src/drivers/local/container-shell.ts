import { once } from 'node:events';
import type { Socket } from 'node:net';
import { PassThrough, type Readable, Writable } from 'node:stream';
import { type Clock, messageOf } from '@edgeplane/base';
import type { ShellEnd, TerminalSize } from '@edgeplane/remote-shell';
import { frames, type PodmanClient } from '../../engines/podman/index.js';
import { endSession, type ProcessSession, sessionOf } from '../../engines/process/index.js';
import type { Shell, ShellRequest } from '../../exec/shell.js';

/** How long programs get to end after their terminal hung up, milliseconds. */
const HANG_UP_MS = 1000;

export interface ContainerShellOptions {
  readonly client: PodmanClient;
  readonly clock: Clock;
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
  return new ContainerShell(options, id, socket, await sessionOf(pid));
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
  readonly #socket: Socket;
  /** Undefined when it had ended before it could be looked at. */
  readonly #session: ProcessSession | undefined;
  #closed: Promise<void> | undefined;

  constructor(
    options: ContainerShellOptions,
    id: string,
    socket: Socket,
    session: ProcessSession | undefined,
  ) {
    const { plain } = options.request;
    this.#options = options;
    this.#id = id;
    this.#socket = socket;
    this.#session = session;
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
    const { clock } = this.#options;
    // Podman lets a program run on when nobody is connected to it any more, and so do shells with what they began.
    if (this.#session) await endSession(this.#session, { clock, graceMs: HANG_UP_MS });
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
  socket: Socket,
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
  clock: Clock,
  containers: readonly { readonly Id: string }[],
): Promise<void> {
  for (const { Id } of containers) {
    const { ExecIDs } = await client.containers.inspect(Id);
    for (const id of ExecIDs ?? []) {
      const { running, pid } = await client.execs.state(id);
      const session = running ? await sessionOf(pid) : undefined;
      if (session) await endSession(session, { clock, graceMs: HANG_UP_MS });
    }
  }
}
