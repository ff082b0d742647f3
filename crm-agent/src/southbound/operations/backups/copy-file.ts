import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

const CHUNK = 1024 * 1024;
const ZEROS = Buffer.alloc(CHUNK);

export interface CopyOptions {
  readonly signal: AbortSignal;
  /** Told the bytes of each part. */
  readonly onBytes: (bytes: number) => void;
}

export interface Copied {
  readonly size: number;
  readonly sha256: string;
  /** Of the source, when it was opened. */
  readonly stat: Stats;
  /** The source was another when the copy was done. */
  readonly changed: boolean;
}

/**
 * Copies a file to one that is not there yet, leaving out runs of zeros, and has the copy on disk. Neither is followed when it
 * is a link. @returns undefined when the source is gone
 */
export async function copyFile(from: string, to: string, options: CopyOptions): Promise<Copied | undefined> {
  const source = await openThere(from);
  if (!source) return undefined;
  try {
    const stat = await source.stat();
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const target = await open(to, flags, 0o600);
    try {
      const { size, sha256 } = await pour(source, target, options, stat.size);
      await target.truncate(size);
      await target.sync();
      const after = await source.stat();
      const changed = after.mtimeMs !== stat.mtimeMs || after.size !== size || after.ctimeMs !== stat.ctimeMs;
      return { size, sha256, stat, changed };
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** Size and checksum of a file; undefined when there is none. */
export async function checksum(
  path: string,
  options: CopyOptions,
): Promise<{ readonly size: number; readonly sha256: string } | undefined> {
  const source = await openThere(path);
  if (!source) return undefined;
  try {
    return await pour(source, undefined, options, Number.POSITIVE_INFINITY);
  } finally {
    await source.close();
  }
}

/** @param most how much is read: one that grows as fast as it is copied would have no end */
async function pour(
  source: FileHandle,
  target: FileHandle | undefined,
  { signal, onBytes }: CopyOptions,
  most: number,
) {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(CHUNK);
  let size = 0;
  while (size < most) {
    signal.throwIfAborted();
    const { bytesRead } = await source.read(buffer, 0, Math.min(CHUNK, most - size), size);
    if (bytesRead === 0) break;
    const part = buffer.subarray(0, bytesRead);
    hash.update(part);
    if (target && !part.equals(ZEROS.subarray(0, bytesRead))) await writeAll(target, part, size);
    size += bytesRead;
    onBytes(bytesRead);
  }
  return { size, sha256: hash.digest('hex') };
}

async function writeAll(target: FileHandle, part: Buffer, position: number): Promise<void> {
  for (let done = 0; done < part.length; ) {
    const { bytesWritten } = await target.write(part, done, part.length - done, position + done);
    done += bytesWritten;
  }
}

async function openThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
