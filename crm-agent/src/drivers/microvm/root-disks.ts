import { execFile } from 'node:child_process';
import { access, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '@edgeplane/base';
import { microvmErrors } from './errors.js';

const MKE2FS = '/sbin/mke2fs';
const LIMIT_MS = 600_000;
const PART = '.part';
const MIB = 1024 ** 2;

/** What shows the files of images. */
export interface ImageSource {
  withImageFiles<T>(id: string, work: (folder: string) => Promise<T>): Promise<T>;
}

export interface RootDisk {
  /** As the App names it. */
  readonly image: string;
  /** In local storage. */
  readonly id: string;
  readonly sizeMib: number;
}

/**
 * Disks with the files of container images, each an ext4 file system of a given size. Machines write to overlays, so a disk
 * is made once for an image and a size and shared; it takes no more room than the files.
 */
export class RootDisks {
  readonly #dir: string;
  readonly #making = new Map<string, Promise<void>>();
  /** How many machines are being made from a disk: nothing but us knows of them yet. */
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

  /** Runs work that makes a machine from the disk, whose path it gets. @throws ROOT_DISK */
  async use<T>(images: ImageSource, disk: RootDisk, work: (path: string) => Promise<T>): Promise<T> {
    const path = join(this.#dir, `${disk.id.replace(/^sha256:/, '')}-${disk.sizeMib}.ext4`);
    this.#used.set(path, (this.#used.get(path) ?? 0) + 1);
    try {
      const making = this.#making.get(path) ?? this.#make(images, disk, path);
      this.#making.set(path, making);
      await making.finally(() => this.#making.delete(path));
      return await work(path);
    } finally {
      const left = (this.#used.get(path) ?? 1) - 1;
      if (left === 0) this.#used.delete(path);
      else this.#used.set(path, left);
    }
  }

  /** Removes disks that are neither among these nor in use. */
  async keepOnly(paths: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.#dir)) {
      const path = join(this.#dir, name.endsWith(PART) ? name.slice(0, -PART.length) : name);
      if (!paths.has(path) && !this.#used.has(path)) await rm(join(this.#dir, name), { force: true });
    }
  }

  async #make(images: ImageSource, { image, id, sizeMib }: RootDisk, path: string): Promise<void> {
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return;
    const part = `${path}${PART}`;
    try {
      const file = await open(part, 'w', 0o600);
      await file.truncate(sizeMib * MIB);
      await file.close();
      const reason = await images.withImageFiles(id, (folder) => makeFileSystem(part, folder));
      if (reason !== undefined) throw fail(microvmErrors.ROOT_DISK, { image, size: sizeMib, reason });
      await syncFile(part);
      await rename(part, path);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  }
}

/** What went wrong; undefined when nothing did. */
function makeFileSystem(file: string, folder: string): Promise<string | undefined> {
  const args = ['-q', '-F', '-t', 'ext4', '-L', 'root', '-E', 'root_owner=0:0', '-d', folder, file];
  return new Promise((resolve) => {
    execFile(MKE2FS, args, { timeout: LIMIT_MS, killSignal: 'SIGKILL' }, (error, _, stderr) => {
      const words = stderr.trim().split('\n').at(-1);
      resolve(error ? words || error.message : undefined);
    });
  });
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
