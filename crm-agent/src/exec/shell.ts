import type { Readable, Writable } from 'node:stream';
import type { ShellEnd, TerminalSize } from '@edgeplane/remote-shell';

/** What an ExecRequest asks of a driver. */
export interface ShellRequest {
  readonly keyJson: string;
  /** Empty for the first container. */
  readonly containerId: string;
  /** For `sh -c`; empty for a shell to talk to. */
  readonly command: string;
  /** Pipes in place of a terminal. */
  readonly plain: boolean;
}

/** A shell that runs. All its ends are taken by one session. */
export interface Shell {
  /** Ending it tells the shell that no more comes. */
  readonly input: Writable;
  /** Ends when the shell has ended; not read, it holds the shell back. */
  readonly output: Readable;
  /** Standard error, where it is apart. */
  readonly errors?: Readable;
  /** Without effect where the size is nobody's to set. */
  resize(size: TerminalSize): Promise<void>;
  /** After `output` has ended. Never rejects. */
  readonly ended: Promise<ShellEnd>;
  /** Ends it with all that it started. Resolves when nothing is left; safe to repeat. */
  close(): Promise<void>;
}

/** Starts the shell that was checked before; the signal aborts when the caller is gone meanwhile. */
export type StartShell = (size: TerminalSize, signal: AbortSignal) => Promise<Shell>;

/** What old callers' terminals are taken for, and new ones' until they say. */
export const DEFAULT_SIZE: TerminalSize = { cols: 80, rows: 24 };
