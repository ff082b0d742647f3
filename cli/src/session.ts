import { loadTls, parseAddress } from '@edgeplane/rpc';
import { type Caller, openCaller } from './caller.js';
import type { Console } from './console.js';
import { type OutputOptions, parseFormat } from './output.js';
import type { Target } from './rpc-catalog.js';

/** Options that stand before or after any command. */
export interface GlobalOptions {
  readonly addr?: string;
  readonly tls?: string;
  readonly outputFormat: string;
  readonly hidetags: string;
}

const DEFAULT_ADDRESS: Readonly<Record<Target, string>> = {
  controller: '127.0.0.1:55001',
  dme: '127.0.0.1:50051',
};

export interface Session {
  readonly console: Console;
  readonly caller: Caller;
  readonly output: OutputOptions;
}

/** @throws EdgeplaneError BAD_FORMAT. */
export function outputOptions(options: GlobalOptions): OutputOptions {
  return {
    format: parseFormat(options.outputFormat),
    hideTags: options.hidetags.split(',').filter((tag) => tag !== ''),
  };
}

/**
 * Runs `work` with a caller, which is closed afterwards.
 * @throws EdgeplaneError BAD_FORMAT, ADDRESS_INVALID or TLS_FILE_UNREADABLE before `work` begins.
 */
export async function withSession(
  console: Console,
  target: Target,
  options: GlobalOptions,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const output = outputOptions(options);
  const tls = options.tls === undefined || options.tls === '' ? undefined : loadTls(options.tls);
  const address = options.addr ?? DEFAULT_ADDRESS[target];
  parseAddress(address);
  const caller = openCaller(address, tls);
  try {
    await work({ console, caller, output });
  } finally {
    caller.close();
  }
}
