import { createHash } from 'node:crypto';
import { copyFile, lstat, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '@edgeplane/base';
import { imageFileErrors } from './errors.js';
import { type ImageFolders, MadeFiles } from './made-files.js';

/** More than any kernel or initial RAM disk has, bytes. */
const LIMIT = 1024 ** 3;
const LINKS_MAX = 40;

export interface ImageFile {
  /** As its user names it. */
  readonly image: string;
  /** In local storage. */
  readonly id: string;
  /** Path in the image, with or without a slash before it. */
  readonly file: string;
}

/** Copies of single files of container images, such as kernels: one for all who use it. */
export class ImageFileCopies {
  readonly #files: MadeFiles;

  /** @param dir a folder of their own */
  constructor(dir: string) {
    this.#files = new MadeFiles(dir);
  }

  init(): Promise<void> {
    return this.#files.init();
  }

  /** Runs work with the copy, whose path it gets. @throws FILE_MISSING, FILE_TOO_LARGE */
  use<T>(images: ImageFolders, wanted: ImageFile, work: (path: string) => Promise<T>): Promise<T> {
    const { image, id, file } = wanted;
    const name = `${id.replace(/^sha256:/, '')}-${createHash('sha256').update(file).digest('hex').slice(0, 16)}`;
    const make = (part: string) =>
      images.withImageFiles(id, async (folder) => {
        const path = await resolveWithin(folder, file);
        const found = path === undefined ? undefined : await lstat(path).catch(() => undefined);
        if (path === undefined || !found?.isFile()) throw fail(imageFileErrors.FILE_MISSING, { image, file });
        if (found.size > LIMIT)
          throw fail(imageFileErrors.FILE_TOO_LARGE, { image, file, bytes: found.size, limit: LIMIT });
        await copyFile(path, part);
      });
    return this.#files.use(name, make, work);
  }

  keepOnly(paths: ReadonlySet<string>): Promise<void> {
    return this.#files.keepOnly(paths);
  }
}

/**
 * Where a path leads for a process whose root is the folder: links are followed as they would be there, so none of them
 * leads out, and `..` at the root stays there. Undefined when nothing is there, or the links go round.
 */
export async function resolveWithin(folder: string, path: string): Promise<string | undefined> {
  const left = path.split('/').reverse();
  const at: string[] = [];
  let links = 0;
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      at.pop();
      continue;
    }
    const here = join(folder, ...at, name);
    const found = await lstat(here).catch(() => undefined);
    if (!found) return undefined;
    if (!found.isSymbolicLink()) {
      at.push(name);
      continue;
    }
    links += 1;
    if (links > LINKS_MAX) return undefined;
    const target = await readlink(here);
    if (target.startsWith('/')) at.length = 0;
    left.push(...target.split('/').reverse());
  }
  return join(folder, ...at);
}
