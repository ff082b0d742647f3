import { access, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { namingFullDisk } from './disk-full.js';

/**
 * Replaces a file so that a reader, or the next run after a crash, meets the old text or the new one and nothing
 * between. One writer per path at a time. @throws DISK_FULL naming the path; then the old text is there and nothing else
 */
export async function writeFileAtomic(path: string, text: string, mode = 0o600): Promise<void> {
  await writePartsAtomic(path, [text], mode);
}

/** The same of a text in parts: each is asked for when the one before is written, and others have their turn in between. */
export async function writePartsAtomic(path: string, parts: Iterable<string>, mode = 0o600): Promise<void> {
  await namingFullDisk(path, async () => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeWhole(`${path}.new`, parts, mode);
    await rename(`${path}.new`, path);
    await syncFolder(dirname(path));
  });
}

/** Leaves nothing when it fails. */
async function writeWhole(path: string, parts: Iterable<string>, mode: number): Promise<void> {
  const file = await open(path, 'w', mode);
  try {
    for (const part of parts) await file.writeFile(part);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/** Removes a file for good; none is fine. */
export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}

/** Adds to a file, which is made when needed. A crash may leave any part of the text. One writer per path at a time. */
export async function appendToFile(path: string, text: string, mode = 0o600): Promise<void> {
  await namingFullDisk(path, async () => {
    const file = await open(path, 'a', mode);
    try {
      await file.writeFile(text);
      await file.datasync();
    } finally {
      await file.close();
    }
  });
}

/** Renames a file for good, over another if there is one. */
export async function renameFile(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncFolder(dirname(to));
}

/** The text of a file; undefined when there is no such file. */
export async function readTextFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whether there is something at a path that this process may use: `mode` as for `access`, by default just being there. */
export function isThere(path: string, mode?: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

/** Makes renames and removals in a folder durable. */
async function syncFolder(path: string): Promise<void> {
  let folder: Awaited<ReturnType<typeof open>>;
  try {
    folder = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
