import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { diskErrors, fail, saysDiskFull } from '@edgeplane/base';
import { imageFileErrors } from './errors.js';
import { PARTITION_START, partitionTable } from './gpt.js';
import { type ImageFolders, MadeFiles } from './made-files.js';

const MKE2FS = '/sbin/mke2fs';
const LIMIT_MS = 600_000;
const PACKAGES: Readonly<Record<string, string>> = { [MKE2FS]: 'e2fsprogs', du: 'coreutils' };
const MIB = 1024 ** 2;
/** Room beside what the files of an image take, for a disk that is given no size. */
const SPARE = { factor: 1.3, mib: 256 };

export interface RootDisk {
  /** As its user names it. */
  readonly image: string;
  /** In local storage; absent: a file system without files. */
  readonly id?: string;
  /** Of the file system; absent: what the files need and some more. */
  readonly sizeMib?: number;
  /** UUID of a partition that the file system is to be in; absent: it is the whole disk. */
  readonly partitionId?: string;
}

/**
 * Disks with the files of container images, each an ext4 file system of a given size. Machines write to overlays, so a disk
 * is made once for an image and a size and shared; it takes no more room than the files.
 */
export class RootDisks {
  readonly #files: MadeFiles;

  /** @param dir a folder of their own */
  constructor(dir: string) {
    this.#files = new MadeFiles(dir);
  }

  /** Removes what a crash left half made. Call it first. */
  init(): Promise<void> {
    return this.#files.init();
  }

  /** Runs work that makes a machine from the disk, whose path it gets. @throws ROOT_DISK */
  use<T>(images: ImageFolders, disk: RootDisk, work: (path: string) => Promise<T>): Promise<T> {
    const { id = 'empty', sizeMib = 'fit', partitionId } = disk;
    const partition = partitionId === undefined ? '' : `-${partitionId.toLowerCase()}`;
    const name = `${id.replace(/^sha256:/, '')}-${sizeMib}${partition}.ext4`;
    return this.#files.use(name, (part) => makeDisk(images, disk, part), work);
  }

  /** Removes disks that are neither among these nor in use. */
  keepOnly(paths: ReadonlySet<string>): Promise<void> {
    return this.#files.keepOnly(paths);
  }
}

async function makeDisk(images: ImageFolders, disk: RootDisk, part: string): Promise<void> {
  const { image, id } = disk;
  const reason = await (id === undefined
    ? fill(disk, part)
    : images.withImageFiles(id, (folder) => fill(disk, part, folder)));
  if (reason !== undefined && saysDiskFull(reason)) throw fail(diskErrors.DISK_FULL, { path: part, reason });
  if (reason !== undefined)
    throw fail(imageFileErrors.ROOT_DISK, { image, size: disk.sizeMib ?? 'any', reason });
}

/** What went wrong; undefined when nothing did. */
async function fill(disk: RootDisk, part: string, folder?: string): Promise<string | undefined> {
  let { sizeMib } = disk;
  // Files may all be small, and then need more entries than usual.
  const fit = sizeMib === undefined ? ['-i', '4096'] : [];
  if (sizeMib === undefined) {
    const used = await run('du', ['-s', '-k', folder ?? part]);
    if (used.failure !== undefined) return used.failure;
    sizeMib = Math.ceil((Number.parseInt(used.text, 10) / 1024) * SPARE.factor) + SPARE.mib;
  }
  const bytes = sizeMib * MIB;
  const table = disk.partitionId === undefined ? undefined : partitionTable(disk.partitionId, bytes);
  const file = await open(part, 'w', 0o600);
  try {
    await file.truncate(table?.diskBytes ?? bytes);
    for (const { at, data } of table?.pieces ?? []) await file.write(data, 0, data.length, at);
  } finally {
    await file.close();
  }
  const extended = ['root_owner=0:0', ...(table ? [`offset=${PARTITION_START}`] : [])];
  const content = folder === undefined ? [] : ['-d', folder];
  const args = ['-q', '-F', '-t', 'ext4', '-L', 'root', '-E', extended.join(','), ...fit, ...content, part];
  return (await run(MKE2FS, [...args, `${sizeMib}M`])).failure;
}

function run(
  command: string,
  args: readonly string[],
): Promise<{ text: string; failure: string | undefined }> {
  return new Promise((resolve) => {
    const options = { timeout: LIMIT_MS, killSignal: 'SIGKILL' } as const;
    execFile(command, args, options, (error, stdout, stderr) => {
      const missing =
        error?.code === 'ENOENT'
          ? `${command} is missing: install the Debian package ${PACKAGES[command]}`
          : undefined;
      const words = missing ?? stderr.trim().split('\n').at(-1);
      resolve({ text: stdout, failure: error ? words || error.message : undefined });
    });
  });
}
