import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isThere } from '@edgeplane/base';

const PART = '.part';

/** What shows the files of images. */
export interface ImageFolders {
  withImageFiles<T>(id: string, work: (folder: string) => Promise<T>): Promise<T>;
}

/**
 * Files that are made once and shared: whoever wants one of a name that is being made waits for that, and one appears under
 * its name only when it is whole.
 */
export class MadeFiles {
  readonly #dir: string;
  readonly #making = new Map<string, Promise<void>>();
  /** How many are at work with a file: nothing but us knows of them yet. */
  readonly #used = new Map<string, number>();

  /** @param dir a folder of their own */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Removes what a crash left half made. Call it first. */
  async init(): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#dir))
      if (name.endsWith(PART)) await rm(join(this.#dir, name), { force: true });
  }

  /** Runs work with the file of a name, whose path it gets; `make` writes it where it is told to when it is not there. */
  async use<T>(
    name: string,
    make: (part: string) => Promise<void>,
    work: (path: string) => Promise<T>,
  ): Promise<T> {
    const path = join(this.#dir, name);
    this.#used.set(path, (this.#used.get(path) ?? 0) + 1);
    try {
      const making = this.#making.get(path) ?? this.#make(make, path);
      this.#making.set(path, making);
      await making.finally(() => this.#making.delete(path));
      return await work(path);
    } finally {
      const left = (this.#used.get(path) ?? 1) - 1;
      if (left === 0) this.#used.delete(path);
      else this.#used.set(path, left);
    }
  }

  /** Removes files that are neither among these nor in use. */
  async keepOnly(paths: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.#dir)) {
      const path = join(this.#dir, name.endsWith(PART) ? name.slice(0, -PART.length) : name);
      if (!paths.has(path) && !this.#used.has(path)) await rm(join(this.#dir, name), { force: true });
    }
  }

  async #make(make: (part: string) => Promise<void>, path: string): Promise<void> {
    const there = await isThere(path);
    if (there) return;
    const part = `${path}${PART}`;
    try {
      await make(part);
      await syncFile(part);
      await rename(part, path);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
