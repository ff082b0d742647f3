import { randomUUID } from 'node:crypto';
import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { namingFullDisk } from '@edgeplane/base';

/** Replaces a file as a whole and on disk: after a crash there is the old content or the new, never a part. @throws DISK_FULL */
export async function writeDurably(path: string, data: string | Buffer, mode = 0o640): Promise<void> {
  await namingFullDisk(path, () => replace(path, data, mode));
  await syncDirectory(dirname(path));
}

async function replace(path: string, data: string | Buffer, mode: number): Promise<void> {
  const part = temporaryName(path);
  try {
    const file = await open(part, 'wx', mode);
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

export function writeJson(path: string, value: unknown): Promise<void> {
  return writeDurably(path, `${JSON.stringify(value, null, 1)}\n`);
}

/** Makes renames and new names in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A name beside `path` that nobody else uses; such names end in `.part` and may be removed after a crash. */
export function temporaryName(path: string): string {
  return `${path}.${randomUUID().slice(0, 8)}.part`;
}

/** Removes what crashes have left of files that were to take the place of `path`, when nobody makes one. */
export async function removeTemporary(path: string): Promise<void> {
  const beginning = `${basename(path)}.`;
  for (const name of await readdir(dirname(path)).catch(() => []))
    if (name.startsWith(beginning) && /^[0-9a-f]{8}\.part$/.test(name.slice(beginning.length)))
      await rm(join(dirname(path), name), { force: true });
}

/** undefined when there is no such file. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The end of a file, at most `bytes` long; empty when there is no such file. */
export async function readTail(path: string, bytes: number): Promise<string> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (isMissing(error)) return '';
    throw error;
  }
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - bytes);
    const buffer = Buffer.alloc(size - start);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
