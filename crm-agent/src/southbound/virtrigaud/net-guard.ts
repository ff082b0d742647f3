import { lookup } from 'node:dns';
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net';
import { fail } from '@edgeplane/base';
import { virtrigaudErrors } from './errors.js';
import { invalid } from './values.js';

/** Where nothing that a caller may want us to read or write is: this host, its links, and the metadata of clouds. */
const FORBIDDEN: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['100.100.100.200', 32, 'ipv4'],
  ['168.63.129.16', 32, 'ipv4'],
  ['192.0.0.192', 32, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  ['::', 127, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
  ['fd00:ec2::254', 128, 'ipv6'],
  // Ways to write IPv4 addresses that routers translate.
  ['64:ff9b::', 96, 'ipv6'],
  ['2002::', 16, 'ipv6'],
];

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
  readonly #forbidden = new BlockList();
  readonly #allowed: readonly Allowed[];

  /** @param allowed hosts as in URLs, each with a port or without */
  constructor(allowed: readonly string[]) {
    for (const [net, prefix, family] of FORBIDDEN) this.#forbidden.addSubnet(net, prefix, family);
    this.#allowed = allowed.map(parseAllowed);
  }

  /** @throws ADDRESS_FORBIDDEN when the URL names an address that is not to be connected to */
  check(field: string, url: URL): void {
    const host = bare(url.hostname);
    if (isIP(host) !== 0 && !this.#isAllowed(url) && this.#isForbidden(host))
      throw forbidden(field, host, host);
  }

  /** Resolves the name of a URL, for the connection to be made to what it gives. Errors are those of {@link check}. */
  lookup(field: string, url: URL): LookupFunction {
    return (hostname, options, callback) => {
      lookup(hostname, { ...options, all: true }, (error, addresses) => {
        if (error) return callback(error, '', 0);
        const bad = this.#isAllowed(url)
          ? undefined
          : addresses.find(({ address }) => this.#isForbidden(address));
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

  #isForbidden(address: string): boolean {
    if (!isIPv6(address)) return this.#forbidden.check(address, 'ipv4');
    const mapped = /^::ffff:(?:(\d+\.\d+\.\d+\.\d+)|([0-9a-f]{1,4}):([0-9a-f]{1,4}))$/i.exec(address);
    if (!mapped) return this.#forbidden.check(address, 'ipv6');
    const [, dotted, high = '0', low = '0'] = mapped;
    const bytes = [high, low].flatMap((part) => [
      Number.parseInt(part, 16) >> 8,
      Number.parseInt(part, 16) & 255,
    ]);
    return this.#forbidden.check(dotted ?? bytes.join('.'), 'ipv4');
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
