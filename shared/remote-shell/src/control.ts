/**
 * The extension of the protocol. The agent opens a second data channel with this label beside the caller's `data`. One
 * that does not know it leaves it alone, and gets what the reference gives: bytes both ways until the channel closes.
 *
 * Text messages on it are JSON, one member each; unknown ones are ignored. Binary messages are standard error, which
 * there is only without a terminal.
 */
export const CONTROL_LABEL = 'edgeplane-control';
export const DATA_LABEL = 'data';

/** Bytes that a caller may be ahead of what the shell has taken in. */
export const INPUT_WINDOW = 1024 * 1024;

export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}

/** What a caller tells: first that it knows this channel, and so will be the one to close `data`; `eof` is how many bytes of input there were in all. */
export type CallerControl =
  | { readonly hello: true }
  | { readonly size: TerminalSize }
  | { readonly eof: number };

/** How a shell ended: with a status, or for a reason that is none of its own. */
export interface ShellEnd {
  readonly code?: number;
  readonly reason?: string;
}

/** What an agent tells. `consumed` and `bytes` count from the start: input taken in, and output sent on `data`. */
export type AgentControl =
  | { readonly consumed: number }
  | { readonly exit: ShellEnd & { readonly bytes: number } };

export function encodeControl(message: CallerControl | AgentControl): string {
  return JSON.stringify(message);
}

const MAX_SIDE = 10_000;

/** Undefined for what is not known. */
export function decodeCallerControl(text: string): CallerControl | undefined {
  const value = parse(text);
  if (value?.['hello'] === true) return { hello: true };
  const eof = whole(value?.['eof']);
  if (eof !== undefined) return { eof };
  const size = record(value?.['size']);
  const cols = whole(size?.['cols'], MAX_SIDE);
  const rows = whole(size?.['rows'], MAX_SIDE);
  return cols && rows ? { size: { cols, rows } } : undefined;
}

/** Undefined for what is not known. */
export function decodeAgentControl(text: string): AgentControl | undefined {
  const value = parse(text);
  const consumed = whole(value?.['consumed']);
  if (consumed !== undefined) return { consumed };
  const exit = record(value?.['exit']);
  const bytes = whole(exit?.['bytes']);
  if (!exit || bytes === undefined) return undefined;
  const { code, reason } = exit;
  return {
    exit: {
      bytes,
      ...(typeof code === 'number' ? { code } : {}),
      ...(typeof reason === 'string' ? { reason } : {}),
    },
  };
}

function parse(text: string): Partial<Record<string, unknown>> | undefined {
  try {
    return record(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function record(value: unknown): Partial<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null ? value : undefined;
}

function whole(value: unknown, max = Number.MAX_SAFE_INTEGER): number | undefined {
  const fits = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max;
  return fits ? value : undefined;
}
