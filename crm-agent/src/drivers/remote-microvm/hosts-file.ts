import { readFile } from 'node:fs/promises';
import { isIP, isIPv4 } from 'node:net';
import { dirname, resolve } from 'node:path';
import { fail, messageOf } from '@edgeplane/base';
import { parseAddress } from '@edgeplane/rpc';
import { parse } from 'yaml';
import type { Endpoint } from '../remote/endpoint.js';
import { remoteErrors } from '../remote/errors.js';

/** A file of an image in a registry. */
export interface ImageFile {
  readonly image: string;
  /** Path in it; the host's own default when undefined. */
  readonly filename: string | undefined;
}

/** Addresses that machines of one host may be given. */
export interface HostNetwork {
  /** Bridge of the host; empty: the one that it is configured with. */
  readonly bridge: string;
  /** First and last address, IPv4. */
  readonly first: string;
  readonly last: string;
  readonly prefix: number;
  readonly gateway: string;
  readonly nameServers: readonly string[];
}

export const DIALECTS = ['current', '2021'] as const;
export type Dialect = (typeof DIALECTS)[number];

export interface HostSettings {
  readonly endpoint: Endpoint;
  readonly dialect: Dialect;
  /** Without one its machines have no address that is known here, and so no public ports. */
  readonly network: HostNetwork | undefined;
}

/** What machines boot and where they may be. */
export interface HostsFile {
  readonly kernel: ImageFile & { readonly cmdline: Readonly<Record<string, string>> };
  readonly initrd: ImageFile | undefined;
  readonly hosts: readonly HostSettings[];
}

/** Reads the file. Files that it names are beside it unless they are absolute. @throws FILE_UNREADABLE, SETTING */
export async function readHostsFile(path: string): Promise<HostsFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw fail(
      remoteErrors.FILE_UNREADABLE,
      { what: 'list of hosts', path, reason: messageOf(cause) },
      { cause },
    );
  }
  return parseHostsFile(text, path);
}

export function parseHostsFile(text: string, path: string): HostsFile {
  let json: unknown;
  try {
    json = parse(text);
  } catch (cause) {
    throw fail(
      remoteErrors.FILE_UNREADABLE,
      { what: 'list of hosts', path, reason: messageOf(cause) },
      { cause },
    );
  }
  const file = new Node(json, path);
  const hosts = file.list('hosts').map((host) => hostOf(host, dirname(path)));
  if (hosts.length === 0) throw file.refuse('hosts', 'must name at least one host');
  const addresses = hosts.map(({ endpoint }) => endpoint.address);
  const twice = addresses.find((address, at) => addresses.indexOf(address) !== at);
  if (twice !== undefined) throw file.refuse('hosts', 'must name each address once', twice);
  const kernel = file.node('kernel');
  if (!kernel) throw file.refuse('kernel', 'must say what machines boot: image, filename');
  const initrd = file.node('initrd');
  const cmdline = kernel.node('cmdline')?.texts() ?? {};
  return { kernel: { ...imageFile(kernel), cmdline }, initrd: initrd && imageFile(initrd), hosts };
}

function imageFile(node: Node): ImageFile {
  const image = node.text('image');
  if (image === '') throw node.refuse('image', 'must name an image');
  return { image, filename: node.text('filename') || undefined };
}

function hostOf(node: Node, folder: string): HostSettings {
  const path = (key: string) => {
    const name = node.text(key);
    return name === '' ? undefined : resolve(folder, name);
  };
  const address = node.text('address');
  parseAddress(address);
  const insecure = node.text('insecure') === 'true';
  if (!insecure && path('ca') === undefined)
    throw node.refuse('ca', `of ${address} must be given, or insecure: true`);
  const text = node.text('dialect') || 'current';
  const dialect = DIALECTS.find((known) => known === text);
  if (!dialect) throw node.refuse('dialect', `must be one of ${DIALECTS.join(', ')}`, text);
  const files = { ca: path('ca'), cert: path('cert'), key: path('key'), tokenFile: path('token_file') };
  const network = node.node('network');
  return {
    endpoint: { ...files, address, insecure, serverName: node.text('server_name') || undefined },
    dialect,
    network: network && networkOf(network),
  };
}

function networkOf(node: Node): HostNetwork {
  const range = node.text('addresses');
  const [first = '', last = first] = range.split('-').map((part) => part.trim());
  if (!isIPv4(first) || !isIPv4(last) || addressNumber(first) > addressNumber(last))
    throw node.refuse('addresses', 'must be <first>-<last>, IPv4', range);
  const prefix = Number(node.text('prefix') || '24');
  if (!Number.isInteger(prefix) || prefix < 1 || prefix > 32)
    throw node.refuse('prefix', 'must be from 1 to 32', node.text('prefix'));
  const gateway = node.text('gateway');
  if (gateway !== '' && !isIPv4(gateway)) throw node.refuse('gateway', 'must be an IPv4 address', gateway);
  const nameServers = node
    .text('nameservers')
    .split(',')
    .filter((text) => text !== '');
  const bad = nameServers.find((text) => isIP(text) === 0);
  if (bad !== undefined) throw node.refuse('nameservers', 'must be IP addresses', bad);
  return { bridge: node.text('bridge'), first, last, prefix, gateway, nameServers };
}

export const addressNumber = (text: string): number =>
  text.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
export const addressText = (number: number): string =>
  [24, 16, 8, 0].map((bits) => Math.floor(number / 2 ** bits) % 256).join('.');

/** A mapping of the file, with the place it is at for whoever is told what is wrong. */
class Node {
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #at: string;

  constructor(value: unknown, at: string) {
    this.#at = at;
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw fail(remoteErrors.SETTING, {
        field: at,
        rule: 'must be a mapping',
        value: JSON.stringify(value),
      });
    this.#value = value as Readonly<Record<string, unknown>>;
  }

  /** A scalar, or a list of them joined by commas, as text; empty when it is not there. */
  text(key: string): string {
    const value = this.#value[key] ?? '';
    if (Array.isArray(value)) return value.map(String).join(',');
    if (typeof value === 'object') throw this.refuse(key, 'must be a text');
    return String(value);
  }

  texts(): Readonly<Record<string, string>> {
    return Object.fromEntries(Object.keys(this.#value).map((key) => [key, this.text(key)]));
  }

  node(key: string): Node | undefined {
    const value = this.#value[key];
    return value === undefined || value === null ? undefined : new Node(value, `${this.#at}: ${key}`);
  }

  list(key: string): readonly Node[] {
    const value = this.#value[key] ?? [];
    if (!Array.isArray(value)) throw this.refuse(key, 'must be a list');
    return value.map((item, at) => new Node(item, `${this.#at}: ${key}[${at}]`));
  }

  refuse(key: string, rule: string, value = JSON.stringify(this.#value[key] ?? '')) {
    return fail(remoteErrors.SETTING, { field: `${this.#at}: ${key}`, rule, value });
  }
}
