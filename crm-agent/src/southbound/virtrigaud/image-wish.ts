import type { JsonObject } from './json.js';
import { invalid, oneOf } from './values.js';

export const IMAGE_FORMATS = ['qcow2', 'raw', 'vmdk', 'vdi', 'vhdx', 'vpc'] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

const DIGESTS = { md5: 32, sha1: 40, sha256: 64, sha512: 128 } as const;
export type DigestName = keyof typeof DIGESTS;

export interface Checksum {
  readonly algorithm: DigestName;
  /** Lower case. */
  readonly hex: string;
}

/** Where a disk's content comes from. */
export type ImageWish = (
  | { readonly kind: 'blank' }
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string; readonly headers: Readonly<Record<string, string>> }
  /** A name that was given to an image here. */
  | { readonly kind: 'template'; readonly name: string }
) & {
  /** Member of the request that says so. */
  readonly field: string;
  /** Absent: found out. */
  readonly format?: ImageFormat;
  readonly checksum?: Checksum;
};

/** A flat image description: a path, else a URL, else a template, else nothing (spec of VirtRigaud, section 3.2). */
export function readImage(json: JsonObject): ImageWish {
  const more = { ...formatOf(json), ...checksumOf(json) };
  for (const [key, make] of [
    ['Path', (path: string) => ({ kind: 'path' as const, path })],
    ['URL', (url: string) => ({ kind: 'url' as const, url, headers: {} })],
    ['TemplateName', (name: string) => ({ kind: 'template' as const, name })],
  ] as const) {
    const text = json.text(key);
    if (text !== '') return { ...make(text), field: json.field(key), ...more };
  }
  return { kind: 'blank', field: json.path };
}

/**
 * The source of an image that is to be prepared: by kind of backend, or flat (spec of VirtRigaud, section 3.9).
 * @throws FIELD_INVALID when it names none that can be used here
 */
export function readPreparation(json: JsonObject): ImageWish {
  const source = json.object('source');
  const wish = source ? sourceOf(source) : readImage(json);
  if (wish.kind === 'blank') {
    const rule = 'given with a source that this host can use: libvirt, http, or a template';
    throw invalid(wish.field, rule, source?.keys() ?? json.keys());
  }
  return wish;
}

function sourceOf(source: JsonObject): ImageWish {
  for (const key of ['libvirt', 'http', 'vsphere', 'proxmox']) {
    const json = source.object(key);
    if (!json) continue;
    if (json.object('authentication')) {
      const rule = 'absent: secrets of a cluster cannot be read here';
      throw invalid(json.field('authentication'), rule, 'an object');
    }
    const wish = readImage(json);
    if (wish.kind === 'blank') continue;
    const headers = json.object('headers');
    if (wish.kind !== 'url' || !headers) return wish;
    return { ...wish, headers: Object.fromEntries(headers.keys().map((name) => [name, headers.text(name)])) };
  }
  return { kind: 'blank', field: source.path };
}

function formatOf(json: JsonObject): { format?: ImageFormat } {
  const text = json.text('Format').toLowerCase();
  // What managers write for images that have no format of their own.
  if (text === '' || text === 'template') return {};
  return { format: oneOf(json.field('Format'), text === 'vhd' ? 'vpc' : text, IMAGE_FORMATS) };
}

function checksumOf(json: JsonObject): { checksum?: Checksum } {
  const kind = json.text('ChecksumType').toLowerCase();
  const algorithm = oneOf(json.field('ChecksumType'), kind || 'sha256', Object.keys(DIGESTS) as DigestName[]);
  const text = json.text('Checksum').toLowerCase();
  if (text === '') return {};
  return { checksum: readChecksum(json.field('Checksum'), text, algorithm) };
}

/** A checksum, which may have its algorithm before it: `sha256:...`. */
export function readChecksum(field: string, text: string, algorithm: DigestName): Checksum {
  const hex = text.toLowerCase().replace(`${algorithm}:`, '');
  if (new RegExp(`^[0-9a-f]{${DIGESTS[algorithm]}}$`).test(hex)) return { algorithm, hex };
  throw invalid(field, `${DIGESTS[algorithm]} hexadecimal digits of ${algorithm}`, text);
}
