import { seedFiles } from './cloud-init.js';
import { macOf } from './network-args.js';
import type { CloudInit, VmSpec } from './spec.js';

export interface MetadataRequest {
  readonly method: string;
  /** Path with query, as the guest sent it. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface MetadataAnswer {
  readonly status: 200 | 400 | 404 | 405;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Versions of the EC2 interface that guests ask for by name; all are answered alike. */
const VERSIONS = ['1.0', '2009-04-04', '2016-09-02', '2021-03-23', 'latest'];
const TTL = 'x-aws-ec2-metadata-token-ttl-seconds';

/**
 * What a guest is told at 169.254.169.254: all that its seed says, in the paths of EC2 and in those of NoCloud over HTTP
 * (`ds=nocloud-net;s=http://169.254.169.254/latest/`). The two meet at `meta-data`: with a slash it is EC2's list, and
 * without one the document of NoCloud.
 */
export function answerMetadata(spec: VmSpec, request: MetadataRequest): MetadataAnswer {
  const [path = ''] = request.target.split(/[?#]/, 1);
  const [, version = '', ...rest] = path.split('/');
  if (request.method === 'PUT' && rest.join('/') === 'api/token') return token(request);
  if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, '');
  if (version === '') return answer(200, VERSIONS.join('\n'));
  if (!VERSIONS.includes(version)) return answer(404, '');
  const text = textAt(spec, rest.join('/'));
  return text === undefined ? answer(404, '') : answer(200, text);
}

function textAt(spec: VmSpec, path: string): string | undefined {
  const init = initOf(spec);
  const own = init.documents ?? {};
  if (path === '') return [...new Set(['meta-data', 'user-data', ...Object.keys(own)])].join('\n');
  if (Object.hasOwn(own, path)) return own[path];
  const prefix = 'meta-data/';
  if (path.startsWith(prefix)) return entry(metaOf(spec, init), path.slice(prefix.length).replace(/\/$/, ''));
  // The files of the seed, as text.
  const file = seedFiles(init).find(({ name }) => name === path);
  if (path === 'user-data') return init.userData ?? '';
  if (path === 'vendor-data') return init.vendorData ?? '';
  return file?.data.toString('utf8');
}

/** A value, or the list of names below a path: those that have more below them end with a slash. */
function entry(meta: ReadonlyMap<string, string>, path: string): string | undefined {
  const value = meta.get(path);
  if (value !== undefined) return value;
  const below = path === '' ? '' : `${path}/`;
  const names = new Set<string>();
  for (const key of meta.keys()) {
    if (!key.startsWith(below)) continue;
    const [name = '', ...more] = key.slice(below.length).split('/');
    names.add(more.length > 0 ? `${name}/` : name);
  }
  return names.size > 0 ? [...names].sort().join('\n') : undefined;
}

function metaOf(spec: VmSpec, init: CloudInit): ReadonlyMap<string, string> {
  const macs = spec.nics.map((nic, index) => nic.mac ?? macOf(spec.id, index, nic.type));
  const links = macs.map((mac, index): [string, string] => [
    `network/interfaces/macs/${mac}/device-number`,
    String(index),
  ]);
  return new Map([
    ...Object.entries(init.metaData ?? {}).map(([key, value]): [string, string] => [
      key,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
    ['instance-id', init.instanceId],
    ['hostname', init.hostname],
    ['local-hostname', init.hostname],
    ...(macs[0] === undefined ? [] : [['mac', macs[0]] as [string, string]]),
    ...links,
  ]);
}

function initOf(spec: VmSpec): CloudInit {
  const hostname = spec.id.replace(/[^A-Za-z0-9.-]/g, '-').slice(0, 63);
  return spec.cloudInit ?? { instanceId: spec.id, hostname };
}

/** Clients that want a token get one. It is not asked for again: whoever is on this wire is the guest itself. */
function token({ headers }: MetadataRequest): MetadataAnswer {
  const ttl = headers[TTL] ?? '';
  if (!/^\d{1,5}$/.test(ttl) || Number(ttl) < 1 || Number(ttl) > 21_600) return answer(400, '');
  return { status: 200, headers: { [TTL]: ttl }, body: 'not-secret' };
}

function answer(status: MetadataAnswer['status'], body: string): MetadataAnswer {
  return { status, headers: {}, body };
}

const REASONS = { 200: 'OK', 400: 'Bad Request', 404: 'Not Found', 405: 'Method Not Allowed' } as const;

/** An answer as HTTP/1.1. Its length is given, as there is no end of a connection to tell it. */
export function renderAnswer({ status, headers, body }: MetadataAnswer, head: boolean): string {
  const lines = [
    `HTTP/1.1 ${status} ${REASONS[status]}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return `${lines.join('\r\n')}\r\n\r\n${head ? '' : body}`;
}

/** A guest's request is short; more is not one. */
const HEAD_MAX = 16 * 1024;

export interface ParsedRequests {
  readonly requests: readonly MetadataRequest[];
  /** The beginning of the next one. */
  readonly rest: string;
}

/**
 * Takes whole requests from a stream on which those of one connection follow those of another, whatever they say of
 * closing. Bodies are skipped. What is no request is dropped up to the next empty line.
 */
export function parseRequests(text: string): ParsedRequests {
  const requests: MetadataRequest[] = [];
  let rest = text;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return { requests, rest: rest.length > HEAD_MAX ? '' : rest };
    const [first = '', ...lines] = rest.slice(0, end).split('\r\n');
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const at = line.indexOf(':');
      if (at > 0) headers[line.slice(0, at).trim().toLowerCase()] = line.slice(at + 1).trim();
    }
    const length = Math.min(HEAD_MAX, Number(headers['content-length'] ?? 0) || 0);
    if (rest.length < end + 4 + length) return { requests, rest };
    rest = rest.slice(end + 4 + length);
    // A request that was cut short runs into the next one: its last line that begins one counts.
    const match = /([A-Z]{3,7}) (\/\S*) HTTP\/1\.[01]$/.exec(first);
    requests.push(
      match
        ? { method: match[1] ?? '', target: match[2] ?? '', headers }
        : { method: 'BAD', target: '', headers },
    );
  }
}
