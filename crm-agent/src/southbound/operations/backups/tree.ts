import type { Stats } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '@edgeplane/base';
import { operationsErrors } from '../errors.js';
import { POOL_FURNITURE } from '../pools/pool.js';
import type { FolderEntry, LinkEntry } from './manifest.js';

/** A file that is to be copied. */
export interface FoundFile {
  readonly path: string;
  readonly size: number;
}

/** What is in a pool. */
export interface Tree {
  /** Folders before what is in them. */
  readonly folders: readonly FolderEntry[];
  readonly links: readonly LinkEntry[];
  readonly files: readonly FoundFile[];
  readonly skipped: readonly string[];
  readonly bytes: number;
}

/** Mode, owner and time of an entry. */
export function attributesOf(stat: Stats) {
  return { mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid, mtimeMs: stat.mtimeMs };
}

/** Walks a pool, in order of names. What vanishes meanwhile is left out. @throws FILE_UNSAVABLE */
export async function readTree(pool: string, root: string, signal: AbortSignal): Promise<Tree> {
  const folders: FolderEntry[] = [];
  const links: LinkEntry[] = [];
  const files: FoundFile[] = [];
  const skipped: string[] = [];
  let bytes = 0;
  const walk = async (folder: string): Promise<void> => {
    signal.throwIfAborted();
    const names = (await ifThere(readdir(join(root, folder), { encoding: 'buffer' }))) ?? [];
    for (const raw of names.sort(Buffer.compare)) {
      const name = raw.toString('utf8');
      if (!Buffer.from(name).equals(raw)) {
        const reason = 'its name is not UTF-8';
        throw fail(operationsErrors.FILE_UNSAVABLE, { pool, file: join(folder, name), reason });
      }
      if (folder === '' && POOL_FURNITURE.has(name)) continue;
      const path = folder === '' ? name : `${folder}/${name}`;
      const stat = await ifThere(lstat(join(root, path)));
      if (!stat) continue;
      if (stat.isDirectory()) {
        folders.push({ type: 'folder', path, ...attributesOf(stat) });
        await walk(path);
      } else if (stat.isSymbolicLink()) {
        const target = await ifThere(readlink(join(root, path)));
        if (target !== undefined) links.push({ type: 'link', path, target, ...attributesOf(stat) });
      } else if (stat.isFile()) {
        files.push({ path, size: stat.size });
        bytes += stat.size;
      } else skipped.push(path);
    }
  };
  await walk('');
  return { folders, links, files, skipped, bytes };
}

async function ifThere<T>(found: Promise<T>): Promise<T | undefined> {
  return found.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}
