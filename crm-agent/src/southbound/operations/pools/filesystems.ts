import { truncate } from 'node:fs/promises';
import { fail } from '@edgeplane/base';
import { operationsErrors } from '../errors.js';
import type { Filesystem } from '../inventory.js';
import { larger } from '../storage-size.js';
import type { ImageTools } from './host-tool.js';

/** A file system in a file, mounted through a loop device. */
export interface Mounted {
  readonly pool: string;
  readonly image: string;
  readonly path: string;
  readonly device: string;
  readonly tools: ImageTools;
}

/** What only each kind of file system knows. Sizes are whole numbers of MiB; every call may be repeated. */
export interface FilesystemKind {
  readonly make: readonly string[];
  /** Why it cannot shrink; undefined when it can. */
  readonly cannotShrink: string | undefined;
  /** Has the file system fill its device, which has grown. `false`: not while it is mounted. */
  grow(mounted: Mounted, signal: AbortSignal): Promise<boolean>;
  /** Has it end at a size while it is mounted; answers where it ended. undefined: not while it is mounted. */
  shrinkMounted?(mounted: Mounted, to: bigint, from: bigint, signal: AbortSignal): Promise<bigint>;
  /** Checks it and brings it to a size while it is not mounted; answers where it ended. */
  resizeUnmounted?(image: string, to: bigint, tools: ImageTools, signal: AbortSignal): Promise<bigint>;
  /** Before it is mounted after we know not what. */
  check?(image: string, tools: ImageTools, signal: AbortSignal): Promise<void>;
}

/** Data at the end of a btrfs may be in the way of a size that its sums allow. */
const SHRINK_TRIES = 5;

const btrfs: FilesystemKind = {
  make: ['mkfs.btrfs', '-q', '-f'],
  cannotShrink: undefined,
  async grow({ path, tools }, signal) {
    await tools.run('btrfs', ['filesystem', 'resize', 'max', path], signal);
    return true;
  },
  async shrinkMounted({ path, pool, tools }, to, from, signal) {
    let target = to;
    let complaint = '';
    for (let i = 0; i < SHRINK_TRIES; i++) {
      const tried = await tools.try('btrfs', ['filesystem', 'resize', String(target), path], signal);
      if (tried.code === 0) return target;
      complaint = tried.complaint;
      target = mib((target + from) / 2n);
    }
    throw fail(operationsErrors.POOL_CANNOT, {
      pool,
      reason: `data is in the way of a smaller size: ${complaint}`,
    });
  },
};

const xfs: FilesystemKind = {
  make: ['mkfs.xfs', '-q', '-f'],
  cannotShrink: 'xfs cannot shrink; use a pool on btrfs, or restore a backup into a smaller one',
  async grow({ path, tools }, signal) {
    await tools.run('xfs_growfs', [path], signal);
    return true;
  },
};

const ext4: FilesystemKind = {
  make: ['mkfs.ext4', '-q', '-F', '-b', '4096'],
  cannotShrink: undefined,
  async grow({ device, tools }, signal) {
    const { code, complaint } = await tools.try('resize2fs', [device], signal);
    if (code === 0) return true;
    // It takes a right that agents in containers do not have.
    if (/permission denied|not permitted/i.test(complaint)) return false;
    throw fail(operationsErrors.TOOL_FAILED, { command: `resize2fs ${device}`, reason: complaint });
  },
  async resizeUnmounted(image, to, tools, signal) {
    await checkExt4(image, tools, signal);
    const least = /(\d+)$/.exec(await tools.run('resize2fs', ['-P', image], signal))?.[1] ?? '0';
    const bytes = mib(BigInt(least) * 4096n + MIB - 1n);
    const target = larger(to, bytes);
    await tools.run('resize2fs', [image, `${target / 1024n}K`], signal);
    return target;
  },
  check: checkExt4,
};

async function checkExt4(image: string, tools: ImageTools, signal: AbortSignal): Promise<void> {
  const { code, complaint } = await tools.try('e2fsck', ['-f', '-p', image], signal);
  // 1: it repaired what it found.
  if (code > 1) throw fail(operationsErrors.TOOL_FAILED, { command: `e2fsck ${image}`, reason: complaint });
}

export const KINDS: Readonly<Record<Filesystem, FilesystemKind>> = { btrfs, xfs, ext4 };

const MIB = 1024n ** 2n;
const mib = (bytes: bigint): bigint => (bytes / MIB) * MIB;

/** Sets the size of an image. It must not be smaller than its file system. */
export async function setImageSize(image: string, bytes: bigint): Promise<void> {
  await truncate(image, Number(bytes));
}
