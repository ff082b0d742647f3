import { fail } from '@edgeplane/base';
import { rpcErrors } from './errors.js';

export interface HostPort {
  /** Without brackets. Empty in `:port`. */
  readonly host: string;
  readonly port: number;
}

/**
 * Splits `host:port`, `[v6]:port` or `:port`.
 * @throws EdgeplaneError ADDRESS_INVALID naming the address.
 */
export function parseAddress(address: string): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s/]*)):(\d{1,5})$/.exec(address.trim());
  const port = Number(match?.[3] ?? Number.NaN);
  if (!match || port > 65535) throw fail(rpcErrors.ADDRESS_INVALID, { address });
  return { host: match[1] ?? match[2] ?? '', port };
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatAddress({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
