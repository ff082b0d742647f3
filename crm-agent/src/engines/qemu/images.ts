import { createHash } from 'node:crypto';
import { constants, mkdir, rename, rm, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail, isThere, type Logger, messageOf, namingFullDisk } from '@edgeplane/base';
import { qemuErrors } from './errors.js';
import { temporaryName } from './files.js';
import { bytesAt, type Digest, type DownloadLimits, download } from './image-download.js';
import { runImageTool } from './image-tool.js';
import { runTool } from './tools.js';

export type DiskFormat = 'qcow2' | 'raw';

/** An image that passed every check and is safe as the base of an overlay. */
export interface BaseImage {
  readonly path: string;
  readonly format: DiskFormat;
  readonly virtualBytes: number;
  /** Of the file, when it was checked; undefined for one that is never changed. */
  readonly fileBytes?: number;
  /** What it lies on, topmost first: a frozen layer of another machine, as below a linked clone. */
  readonly below?: readonly { readonly path: string; readonly format: DiskFormat }[];
}

export type ImageSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'http'; readonly url: string; readonly digest?: Digest };

export interface ImageStoreOptions extends DownloadLimits {
  /** Downloads are kept here. */
  readonly cacheDir: string;
  readonly logger: Logger;
}

/** Reads an image reference. @throws imageInvalid when it is neither an absolute path nor a URL that we know. */
export function parseImageSource(image: string): ImageSource {
  const refuse = (reason: string) => fail(qemuErrors.imageInvalid, { path: image, reason });
  if (isAbsolute(image)) return { kind: 'file', path: image };
  if (!/^(file|https?):\/\//i.test(image)) {
    throw refuse('it must be an absolute path or a file://, http:// or https:// URL');
  }
  let url: URL;
  try {
    url = new URL(image);
    if (url.protocol === 'file:') return { kind: 'file', path: fileURLToPath(url) };
  } catch (error) {
    throw refuse(messageOf(error));
  }
  const fragment = url.hash.slice(1);
  url.hash = '';
  if (fragment === '') return { kind: 'http', url: url.href };
  const match = /^(?:md5:([0-9a-f]{32})|sha256:([0-9a-f]{64}))$/i.exec(fragment);
  if (!match) throw refuse(`the fragment "${fragment}" must be md5: or sha256: and a hexadecimal digest`);
  const [, md5, sha256] = match;
  const digest: Digest = md5
    ? { algorithm: 'md5', hex: md5.toLowerCase() }
    : { algorithm: 'sha256', hex: (sha256 ?? '').toLowerCase() };
  return { kind: 'http', url: url.href, digest };
}

/** Finds, fetches and checks images. Concurrent requests for one URL share a download. */
export class ImageStore {
  readonly #options: ImageStoreOptions;
  readonly #downloads = new Map<string, Promise<string>>();

  constructor(options: ImageStoreOptions) {
    this.#options = options;
  }

  /** Where downloads are, and what is imported. */
  get cacheDir(): string {
    return this.#options.cacheDir;
  }

  /** A checked local file for an image reference. */
  async resolve(image: string): Promise<BaseImage> {
    const source = parseImageSource(image);
    return inspectImage(source.kind === 'file' ? source.path : await this.#fetched(source));
  }

  /** Bytes that have to be fetched for an image; 0 when it is here, or its server does not say. */
  async bytesToFetch(image: string): Promise<number> {
    const source = parseImageSource(image);
    if (source.kind === 'file' || (await isReadable(this.#pathOf(source)))) return 0;
    return bytesAt(source.url, this.#options);
  }

  #pathOf({ url, digest }: ImageSource & { kind: 'http' }): string {
    const name = createHash('sha256')
      .update(`${url}#${digest?.hex ?? ''}`)
      .digest('hex')
      .slice(0, 32);
    return join(this.#options.cacheDir, `${name}.img`);
  }

  #fetched(source: ImageSource & { kind: 'http' }): Promise<string> {
    const { url, digest } = source;
    const path = this.#pathOf(source);
    const running = this.#downloads.get(path);
    if (running) return running;
    const download = this.#fetchOnce(url, digest, path).finally(() => this.#downloads.delete(path));
    this.#downloads.set(path, download);
    return download;
  }

  async #fetchOnce(url: string, digest: Digest | undefined, path: string): Promise<string> {
    if (await isReadable(path)) return path;
    await mkdir(this.#options.cacheDir, { recursive: true });
    const part = temporaryName(path);
    try {
      await namingFullDisk(path, () => download(url, digest, part, this.#options));
      await rename(part, path);
      this.#options.logger.info({ url, path }, 'Image downloaded');
      return path;
    } finally {
      await rm(part, { force: true });
    }
  }
}

/**
 * Checks a local image. A backing file or external data file is refused: such an image reads other files of this
 * host, chosen by whoever made it.
 */
export async function inspectImage(path: string): Promise<BaseImage> {
  if (!(await isReadable(path))) throw fail(qemuErrors.imageNotFound, { path });
  const refuse = (reason: string) => fail(qemuErrors.imageInvalid, { path, reason });
  const file = await stat(path);
  if (!file.isFile()) throw refuse('it is not a regular file');
  const { info, format } = await imageInfo(path);
  if (format !== 'qcow2' && format !== 'raw') throw refuse(`its format is ${format}, expected qcow2 or raw`);
  if (info['backing-filename'] !== undefined)
    throw refuse(`it has a backing file (${info['backing-filename']})`);
  const specific = info['format-specific'] as { data?: Record<string, unknown> } | undefined;
  const external = specific?.data?.['data-file'];
  if (external !== undefined) throw refuse(`it has an external data file (${external})`);
  const virtualBytes = Number(info['virtual-size']);
  if (!(virtualBytes > 0)) throw refuse('it is empty');
  return { path, format, virtualBytes, fileBytes: file.size };
}

/**
 * Makes sure that an image is what it was when a disk was laid over it: over another, the disk would be a mixture of both.
 * @throws imageNotFound, imageChanged
 */
export async function requireUnchanged({ path, fileBytes }: BaseImage): Promise<void> {
  const file = await stat(path).catch(() => undefined);
  if (!file) throw fail(qemuErrors.imageNotFound, { path });
  if (fileBytes !== undefined && file.size !== fileBytes)
    throw fail(qemuErrors.imageChanged, { path, was: fileBytes, is: file.size });
}

export interface ImageInfo {
  readonly format: string;
  readonly virtualBytes: number;
  /** Room that it takes on the host. */
  readonly actualBytes: number;
  /** All that qemu-img says. */
  readonly info: Readonly<Record<string, unknown>>;
}

/** What qemu-img says of a file, which may be in use. Without a format it finds that out. @throws imageInvalid */
export async function imageInfo(path: string, format?: string): Promise<ImageInfo> {
  const known = format === undefined ? [] : ['-f', format];
  const result = await runTool('qemu-img', ['info', '--output=json', '-U', ...known, path]);
  if (result.code !== 0) {
    const reason = result.stderr.trim().split('\n').at(-1) ?? `qemu-img status ${result.code}`;
    throw fail(qemuErrors.imageInvalid, { path, reason });
  }
  const info = JSON.parse(result.stdout) as Record<string, unknown>;
  const number = (name: string) => Number(info[name] ?? 0);
  return {
    format: String(info['format']),
    virtualBytes: number('virtual-size'),
    actualBytes: number('actual-size'),
    info,
  };
}

/** Makes a qcow2 disk over `base`, or an empty one. Appears under its name only when it is whole. */
export async function createDisk(path: string, base: BaseImage | undefined, sizeMib?: number): Promise<void> {
  const part = temporaryName(path);
  const args = ['create', '-q', '-f', 'qcow2'];
  if (base) {
    args.push('-b', base.path, '-F', base.format);
    if (sizeMib !== undefined && sizeMib * 1024 ** 2 < base.virtualBytes) {
      const reason = `it holds ${base.virtualBytes} bytes, more than the disk of ${sizeMib} MiB`;
      throw fail(qemuErrors.imageInvalid, { path: base.path, reason });
    }
  }
  args.push(part, ...(sizeMib === undefined ? [] : [`${sizeMib}M`]));
  try {
    await runImageTool(args);
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
}

function isReadable(path: string): Promise<boolean> {
  return isThere(path, constants.R_OK);
}
