import { readdir, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { fail, isKind, isThere, KeyedTurns } from '@edgeplane/base';
import { inspectImage, type QemuEngine, qemuErrors } from '../../engines/qemu/index.js';
import { fileDigest } from '../../file-digest.js';
import { virtrigaudErrors } from './errors.js';
import type { Fetcher } from './fetcher.js';
import { withoutSecrets } from './http-client.js';
import type { Checksum, ImageWish } from './image-wish.js';
import { hashOf } from './labels.js';
import { invalid } from './values.js';

/** An image that a machine can be made from. */
export interface FoundImage {
  /** Empty for none. */
  readonly path: string;
  readonly virtualBytes: number;
  /** It is an imported disk, which becomes the machine's own. */
  readonly adopt: boolean;
}

export interface ImageLibraryOptions {
  readonly engine: QemuEngine;
  readonly fetcher: Fetcher;
  /** Folder of the site's images; empty: none. */
  readonly imageDir: string;
}

/** Names of images in the engine's store: imported disks, prepared images, and those that were fetched by URL. */
export const diskKey = (name: string) => `disk.${name}`;
export const imageKey = (name: string) => `image.${name}`;
const urlKey = (wish: ImageWish & { kind: 'url' }) =>
  `url.${hashOf([wish.url, wish.checksum, wish.headers])}`;

const ENDINGS = ['', '.qcow2', '.img', '.raw'];
const BLANK: FoundImage = { path: '', virtualBytes: 0, adopt: false };

/**
 * Where disks' contents come from. A caller names files of two folders only: the site's images, and what was prepared or
 * imported here; any other file of the host would be his to read (spec of VirtRigaud, sections 3.2 and 3.9).
 */
export class ImageLibrary {
  readonly #options: ImageLibraryOptions;
  /** Of fetching an image, and of removing it. */
  readonly #turns = new KeyedTurns();
  /** How many machines are being made of an image that was fetched: nothing else knows of them yet. */
  readonly #held = new Map<string, number>();

  constructor(options: ImageLibraryOptions) {
    this.#options = options;
  }

  /** Runs work that makes a machine of the image of a wish, which is there until it is done. @throws as `find` */
  async use<T>(wish: ImageWish, signal: AbortSignal, work: (image: FoundImage) => Promise<T>): Promise<T> {
    if (wish.kind !== 'url') return work(await this.find(wish, signal));
    const key = urlKey(wish);
    this.#held.set(key, (this.#held.get(key) ?? 0) + 1);
    try {
      return await work(await this.find(wish, signal));
    } finally {
      const left = (this.#held.get(key) ?? 1) - 1;
      if (left > 0) this.#held.set(key, left);
      else this.#held.delete(key);
      await this.#letGo(key);
    }
  }

  /** Removes an image that was fetched for machines when the last of them is gone. */
  async release(path: string): Promise<void> {
    const key = /imported-(url\.[0-9a-f]+)\.qcow2$/.exec(path)?.[1];
    if (key !== undefined) await this.#letGo(key);
  }

  /** Removes what an earlier life fetched and did not come to use. */
  async start(): Promise<void> {
    const folder = dirname(this.#options.engine.transfer.importedPath('x'));
    for (const name of await readdir(folder).catch(() => [])) await this.release(join(folder, name));
  }

  async #letGo(key: string): Promise<void> {
    await this.#turns.run(key, async () => {
      if (this.#held.has(key)) return;
      await this.#options.engine.transfer.removeImported(key).catch((error: unknown) => {
        if (!isKind(error, qemuErrors.imageInUse)) throw error;
      });
    });
  }

  /**
   * The image of a wish; one that is at a URL is fetched when it is not here yet.
   * @throws IMAGE_NOT_FOUND, IMAGE_OUTSIDE, CHECKSUM_MISMATCH, and what fetching throws
   */
  async find(wish: ImageWish, signal: AbortSignal): Promise<FoundImage> {
    if (wish.kind === 'blank') return BLANK;
    if (wish.kind === 'url') {
      await this.#fetch(wish, signal);
      return this.#inspect(this.#options.engine.transfer.importedPath(urlKey(wish)), false);
    }
    const local = await this.local(wish);
    if (wish.checksum) await verify(wish.field, local.path, wish.checksum);
    return local;
  }

  /** The image of a wish that names one of this host, without fetching or reading it. @throws IMAGE_NOT_FOUND, IMAGE_OUTSIDE */
  async local(wish: ImageWish & { kind: 'path' | 'template' }): Promise<FoundImage> {
    return wish.kind === 'path' ? this.#byPath(wish.field, wish.path) : this.#byName(wish.field, wish.name);
  }

  async #byPath(field: string, path: string): Promise<FoundImage> {
    const { engine, imageDir } = this.#options;
    if (path.includes('\0')) throw invalid(field, 'a path', path);
    const full = isAbsolute(path) ? path : join(imageDir, path);
    const real = await realpath(full).catch(() => undefined);
    const ours = engine.transfer.importedPath('x').slice(0, -'x.qcow2'.length);
    const folders = [
      ours,
      ...(imageDir === '' ? [] : [`${await realpath(imageDir).catch(() => imageDir)}/`]),
    ];
    // What lies elsewhere is the same to a caller whether it is there or not.
    const named = real ?? full;
    if (!folders.some((folder) => named.startsWith(folder)) || named.includes('/../')) {
      const shownFolders =
        imageDir === '' ? 'what was imported here' : `${imageDir}, and what was imported here`;
      throw fail(virtrigaudErrors.IMAGE_OUTSIDE, { field, path, folders: shownFolders });
    }
    if (real === undefined) throw fail(virtrigaudErrors.IMAGE_NOT_FOUND, { field, image: path });
    return this.#inspect(real, real.startsWith(`${ours}disk.`));
  }

  async #byName(field: string, name: string): Promise<FoundImage> {
    const { engine, imageDir } = this.#options;
    const missing = fail(virtrigaudErrors.IMAGE_NOT_FOUND, { field, image: name });
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,89}$/.test(name)) throw missing;
    const prepared = engine.transfer.importedPath(imageKey(name));
    const paths = [
      prepared,
      ...(imageDir === '' ? [] : ENDINGS.map((ending) => join(imageDir, name + ending))),
    ];
    for (const path of paths) if (await isThere(path)) return this.#byPath(field, path);
    throw missing;
  }

  async #inspect(path: string, adopt: boolean): Promise<FoundImage> {
    const { virtualBytes } = await inspectImage(path);
    return { path, virtualBytes, adopt };
  }

  /** Of two who want the same the second finds what the first has fetched. */
  async #fetch(wish: ImageWish & { kind: 'url' }, signal: AbortSignal): Promise<void> {
    const key = urlKey(wish);
    await this.#turns.run(key, async () => {
      if (!(await isThere(this.#options.engine.transfer.importedPath(key))))
        await this.bring(key, wish, signal);
    });
  }

  /** Makes an image of what a wish names, under a name of the engine's store. */
  async bring(
    key: string,
    wish: ImageWish & { kind: 'url' | 'path' | 'template' },
    signal: AbortSignal,
  ): Promise<void> {
    const { engine, fetcher } = this.#options;
    const format = wish.format === undefined ? {} : { format: wish.format };
    if (wish.kind !== 'url') {
      const { path } = await this.find(wish, signal);
      await engine.transfer.importDisk({ name: key, path, signal, ...format });
      return;
    }
    const url = new URL(wish.url);
    const { checksum, headers } = wish;
    const algorithm = checksum?.algorithm ?? 'sha256';
    const location = { kind: 'http', url, headers } as const;
    await fetcher.fetched({ location, algorithm, field: wish.field, signal }, async (file) => {
      if (checksum && file.digest !== checksum.hex)
        throw mismatch(withoutSecrets(url), algorithm, file.digest, checksum.hex);
      await engine.transfer.importDisk({ name: key, path: file.path, signal, ...format });
    });
  }
}

async function verify(url: string, path: string, { algorithm, hex }: Checksum): Promise<void> {
  const actual = await fileDigest(path, algorithm);
  if (actual !== hex) throw mismatch(url, algorithm, actual, hex);
}

export function mismatch(url: string, algorithm: string, actual: string, expected: string): Error {
  return fail(virtrigaudErrors.CHECKSUM_MISMATCH, { url, algorithm, actual, expected });
}
