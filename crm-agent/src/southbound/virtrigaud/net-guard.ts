import { lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { fail, localKindOf } from '@edgeplane/base';
import { virtrigaudErrors } from './errors.js';
import { invalid } from './values.js';

/** One host that may be connected to whatever its address, on one port or on all. */
interface Allowed {
  readonly host: string;
  readonly port: string;
}

/**
 * Keeps a caller's URLs from leading to this host itself and to its neighbours on the link. Names are looked at by the
 * addresses that the connection is then made to, so that a name cannot change in between.
 */
export class NetGuard {
  readonly #allowed: readonly Allowed[];

  /** @param allowed hosts as in URLs, each with a port or without */
  constructor(allowed: readonly string[]) {
    this.#allowed = allowed.map(parseAllowed);
  }

  /** @throws ADDRESS_FORBIDDEN when the URL names an address that is not to be connected to */
  check(field: string, url: URL): void {
    const host = bare(url.hostname);
    if (isIP(host) !== 0 && !this.#isAllowed(url) && localKindOf(host) !== undefined)
      throw forbidden(field, host, host);
  }

  /** Resolves the name of a URL, for the connection to be made to what it gives. Errors are those of {@link check}. */
  lookup(field: string, url: URL): LookupFunction {
    return (hostname, options, callback) => {
      lookup(hostname, { ...options, all: true }, (error, addresses) => {
        if (error) return callback(error, '', 0);
        const bad = this.#isAllowed(url)
          ? undefined
          : addresses.find(({ address }) => localKindOf(address) !== undefined);
        if (bad) return callback(forbidden(field, hostname, bad.address), '', 0);
        const [first] = addresses;
        if (options.all) callback(null, addresses);
        else callback(null, first?.address ?? '', first?.family ?? 4);
      });
    };
  }

  #isAllowed(url: URL): boolean {
    const port = url.port || (url.protocol === 'https:' ? '443' : '80');
    const host = bare(url.hostname);
    return this.#allowed.some((one) => one.host === host && (one.port === '' || one.port === port));
  }
}

function forbidden(field: string, host: string, address: string): Error {
  return fail(virtrigaudErrors.ADDRESS_FORBIDDEN, { field, host, address });
}

/** Without the brackets of an IPv6 address. */
function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '').toLowerCase();
}

function parseAllowed(text: string): Allowed {
  const url = URL.parse(`http://${text}`);
  if (url?.pathname !== '/' || url.username !== '')
    throw invalid('--virtrigaud-allowed-hosts', 'hosts with or without a port', text);
  // A port that is HTTP's own is lost in a URL.
  return { host: bare(url.hostname), port: url.port || (text.endsWith(':80') ? '80' : '') };
}
