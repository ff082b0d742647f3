import type { Duplex } from 'node:stream';
import type { Clock } from '@edgeplane/base';
import { frames, type PodmanEngine } from '../../engines/podman/index.js';
import { endSession, sessionOf } from '../../engines/process/index.js';

/** A piece of output; `error` is that of the error output. */
export interface OutputPiece {
  readonly error: boolean;
  readonly data: Buffer;
}

export interface TerminalShape {
  readonly columns: number;
  readonly rows: number;
}

/** A program beside a container's own. */
export interface PodProgram {
  /** Resolves when there is room for more. */
  write(data: Buffer): Promise<void>;
  endInput(): void;
  resize(shape: TerminalShape): Promise<void>;
  /** Until it ends. */
  readonly output: AsyncIterable<OutputPiece>;
  /** After the output. */
  exitCode(): Promise<number>;
  /** Ends it with all that it began, and lets go; safe to repeat. */
  close(): Promise<void>;
}

export interface PodUsage {
  readonly cpuNanos: number;
  readonly memoryBytes: number;
  readonly netInBytes: number;
  readonly netOutBytes: number;
  readonly blockReadBytes: number;
  readonly blockWriteBytes: number;
  readonly pids: number;
}

/** What can be read of running pods. Names are those on the host. */
export interface PodPrograms {
  logs(
    pod: string,
    container: string,
    options: { readonly tail: number; readonly follow: boolean },
    signal: AbortSignal,
  ): AsyncIterable<OutputPiece>;
  run(
    pod: string,
    container: string,
    argv: readonly string[],
    terminal: TerminalShape | undefined,
    signal: AbortSignal,
  ): Promise<PodProgram>;
  usage(pod: string): Promise<PodUsage>;
}

/** How long programs get to end after their terminal hung up, milliseconds. */
const HANG_UP_MS = 1000;
/** Ends the input of a program at a terminal. */
const END_OF_TRANSMISSION = '\x04';

export function podmanPrograms(engine: PodmanEngine, clock: Clock): PodPrograms {
  const { client, pods } = engine;
  return {
    async *logs(pod, container, { tail, follow }, signal) {
      const id = await pods.containerId(pod, container);
      for await (const { stream, data } of frames(await client.containers.openLogs(id, tail, follow, signal)))
        yield { error: stream === 2, data };
    },
    async run(pod, container, argv, terminal, signal) {
      const containerId = await pods.containerId(pod, container);
      const env = terminal ? ['TERM=xterm'] : [];
      const id = await client.execs.create(
        containerId,
        { argv, terminal: terminal !== undefined, env },
        { signal },
      );
      const size = { cols: terminal?.columns ?? 80, rows: terminal?.rows ?? 24 };
      const socket = await client.execs.attach(id, { terminal: terminal !== undefined, ...size, signal });
      // A broken connection is the end of the output.
      socket.on('error', () => undefined);
      const { pid } = await client.execs.state(id).catch(() => ({ pid: 0 }));
      const session = pid === 0 ? undefined : await sessionOf(pid);
      return {
        write: (data) => written(socket, data),
        endInput: () => void (terminal ? socket.write(END_OF_TRANSMISSION) : socket.end()),
        resize: ({ columns, rows }) => client.execs.resize(id, columns, rows),
        output: terminal ? plain(socket) : apart(socket),
        exitCode: async () => (await client.execs.state(id)).exitCode,
        async close() {
          // Podman lets a program run on when nobody is connected to it any more.
          if (session && !socket.closed) await endSession(session, { clock, graceMs: HANG_UP_MS });
          socket.destroy();
        },
      };
    },
    usage: (pod) => engine.stats(pod),
  };
}

function written(socket: Duplex, data: Buffer): Promise<void> {
  return new Promise((resolve) => void socket.write(data, () => resolve()));
}

async function* plain(socket: AsyncIterable<Buffer>): AsyncGenerator<OutputPiece> {
  for await (const data of socket) yield { error: false, data };
}

async function* apart(socket: AsyncIterable<Buffer>): AsyncGenerator<OutputPiece> {
  for await (const { stream, data } of frames(socket)) yield { error: stream === 2, data };
}
