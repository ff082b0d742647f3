import { isAbsolute, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail, messageOf } from '@edgeplane/base';
import { hasControls } from '../control-characters.js';
import { virtrigaudErrors } from './errors.js';
import { type JsonObject, readObject } from './json.js';
import type { S3Object } from './s3.js';
import { invalid, oneOf } from './values.js';

/** Where a disk is sent to, or comes from. */
export type Location =
  | { readonly kind: 'file'; readonly path: string; readonly root: string }
  | { readonly kind: 'http'; readonly url: URL; readonly headers: Readonly<Record<string, string>> }
  | { readonly kind: 's3'; readonly object: S3Object };

/** What a request says of the place. */
export interface LocationRequest {
  /** Member of the request that has the address. */
  readonly field: string;
  readonly url: string;
  readonly backendType: string;
  readonly transferMode: string;
  readonly storageOptionsJson: string;
  readonly credentials: Readonly<Record<string, string>>;
}

export interface LocationSettings {
  /** Below it is a folder for each claim of `pvc://`. */
  readonly pvcDir: string;
  /** Folders that `file://` may name files of. */
  readonly fileDirs: readonly string[];
}

/** What `backend_type` says, and what we call it: `http` and `file` are ours. */
export const BACKENDS = ['pvc', 's3', 'http', 'file'] as const;
export const TRANSFER_MODES = ['auto', 'relay', 'direct'] as const;

/**
 * Reads an address of `pvc://`, `file://`, `http(s)://` or `s3://` (spec of VirtRigaud, section 6). It decides nothing about
 * whether something is there. @throws FIELD_INVALID, NOT_IMPLEMENTED, IMAGE_OUTSIDE
 */
export function readLocation(request: LocationRequest, settings: LocationSettings): Location {
  const { field, url: text, backendType, transferMode, storageOptionsJson } = request;
  if (backendType !== '' && !BACKENDS.some((known) => known === backendType))
    throw fail(virtrigaudErrors.NOT_IMPLEMENTED, {
      what: `backend_type ${JSON.stringify(backendType.slice(0, 40))}`,
    });
  if (transferMode !== '') oneOf('transfer_mode', transferMode, TRANSFER_MODES);
  const options = readObject('storage_options_json', storageOptionsJson);
  const url = parseUrl(field, text);
  const backend = backendOf(field, url);
  if (backendType !== '' && backend !== backendType)
    throw invalid('backend_type', `${backend} for this address`, backendType);
  switch (backend) {
    case 'pvc':
      return pvcLocation(field, text, settings.pvcDir);
    case 'file':
      return fileLocation(field, url, settings.fileDirs);
    case 's3':
      return { kind: 's3', object: s3Object(field, url, options, request.credentials) };
    case 'http':
      return { kind: 'http', url, headers: authorization(request.credentials) };
  }
}

function parseUrl(field: string, text: string): URL {
  const url = text.length > 4096 ? null : URL.parse(text);
  if (!url) throw invalid(field, 'an address such as pvc://claim/path or https://host/path', '(not a URL)');
  // It would come out in messages and records.
  if (url.username !== '' || url.password !== '')
    throw invalid(field, 'an address without a password: credentials have a member of their own', '(hidden)');
  return url;
}

function backendOf(field: string, { protocol }: URL): (typeof BACKENDS)[number] {
  const scheme = protocol.slice(0, -1);
  if (scheme === 'nfs')
    throw fail(virtrigaudErrors.NOT_IMPLEMENTED, { what: 'nfs://: mount it, and use file://' });
  return scheme === 'https' ? 'http' : oneOf(field, scheme, BACKENDS);
}

function pvcLocation(field: string, text: string, pvcDir: string): Location {
  const [, claim = '', rest = ''] = /^pvc:\/\/([^/]*)\/(.*)$/s.exec(text) ?? [];
  if (!/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(claim)) throw invalid(field, 'pvc://claim/path', text);
  const root = join(pvcDir, claim);
  return { kind: 'file', root, path: join(root, relative(field, rest)) };
}

/** A path that leads down only. */
function relative(field: string, text: string): string {
  let path: string;
  try {
    path = decodeURIComponent(text);
  } catch {
    throw invalid(field, 'a path whose % are codes', text);
  }
  const parts = path.split('/');
  const bad = parts.some((part) => part === '' || part === '.' || part === '..' || part.length > 255);
  if (bad || hasControls(path)) throw invalid(field, 'a path without .. and empty parts', text);
  return path;
}

function fileLocation(field: string, url: URL, fileDirs: readonly string[]): Location {
  let path: string;
  try {
    path = fileURLToPath(url);
  } catch (error) {
    throw invalid(field, messageOf(error), url.href);
  }
  const root = fileDirs.find((dir) => path.startsWith(`${dir}/`));
  if (root !== undefined && isAbsolute(path) && normalize(path) === path) return { kind: 'file', path, root };
  throw fail(virtrigaudErrors.IMAGE_OUTSIDE, { field, path, folders: fileDirs.join(', ') || '(none)' });
}

function s3Object(
  field: string,
  url: URL,
  options: JsonObject | undefined,
  credentials: Readonly<Record<string, string>>,
): S3Object {
  const bucket = url.hostname;
  const key = relative(field, url.pathname.slice(1));
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) throw invalid(field, 's3://bucket/key', url.href);
  const named = options?.text('bucket') ?? '';
  if (named !== '' && named !== bucket)
    throw invalid('storage_options_json.bucket', `${bucket}, as in ${field}`, named);
  const region = options?.text('region') || 'us-east-1';
  if (!/^[a-z0-9-]{1,40}$/.test(region))
    throw invalid('storage_options_json.region', 'a region such as eu-west-1', region);
  const given = options?.text('endpoint') ?? '';
  const endpoint = URL.parse(given || `https://s3.${region}.amazonaws.com`);
  if (
    !endpoint ||
    !/^https?:$/.test(endpoint.protocol) ||
    endpoint.username !== '' ||
    endpoint.pathname !== '/'
  )
    throw invalid('storage_options_json.endpoint', 'an address such as https://store:9000', '(not one)');
  const pathStyle = options?.flag('usePathStyle') ?? given !== '';
  if (!pathStyle) endpoint.hostname = `${bucket}.${endpoint.hostname}`;
  const path = key.split('/').map(encodeURIComponent).join('/');
  const object = new URL(pathStyle ? `/${bucket}/${path}` : `/${path}`, endpoint);
  const need = (name: string) => {
    const value = credentials[name] ?? '';
    if (value === '') throw invalid(`credentials.${name}`, 'given for s3', '');
    return value;
  };
  const keys = {
    accessKeyId: need('accessKeyID'),
    secretAccessKey: need('secretAccessKey'),
    sessionToken: credentials['sessionToken'] ?? '',
  };
  return { url: object, region, keys };
}

/** A token, or a user and password, as HTTP sends it. */
function authorization(credentials: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const { token = '', username = '', password = '' } = credentials;
  if (/[\r\n]/.test(token)) throw invalid('credentials.token', 'on one line', '(hidden)');
  if (token !== '') return { authorization: `Bearer ${token}` };
  if (username === '') return {};
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
}
