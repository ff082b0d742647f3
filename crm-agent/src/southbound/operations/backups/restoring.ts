import { chmod, lchown, lutimes, mkdir, realpath, symlink, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail } from '@edgeplane/base';
import { shownValue } from '../../shown-value.js';
import { operationsErrors } from '../errors.js';
import { POOL_FURNITURE } from '../pools/pool.js';
import { syncFolder } from './catalogue.js';
import { type CopyOptions, copyFile } from './copy-file.js';
import { type Entry, isInside, type Manifest } from './manifest.js';

/** Checks where a backup is to be restored. @throws INVALID_FIELD */
export function checkRestorePath(path: string): void {
  const rule = 'has to be a path inside of the pool, without "." and ".."';
  if (!isInside(path) || POOL_FURNITURE.has(path.split('/')[0] ?? ''))
    throw fail(operationsErrors.INVALID_FIELD, { field: 'path', rule, value: shownValue(path) });
}

/**
 * Makes the folders above a place in a pool. A link among them would lead out of it.
 * @returns the folder in which the place is. @throws INVALID_FIELD
 */
export async function makeParent(poolPath: string, path: string): Promise<string> {
  const root = await realpath(poolPath);
  const parent = join(root, dirname(path));
  await mkdir(parent, { recursive: true, mode: 0o700 });
  if ((await realpath(parent)) === parent) return parent;
  const rule = 'has to be a path inside of the pool, without links';
  throw fail(operationsErrors.INVALID_FIELD, { field: 'path', rule, value: shownValue(path) });
}

/** Writes the files of a backup to a folder that is not there yet. @throws BACKUP_DAMAGED */
export async function restoreFiles(
  manifest: Manifest,
  from: string,
  to: string,
  options: CopyOptions,
): Promise<void> {
  await mkdir(to, { mode: 0o700 });
  for (const entry of manifest.entries) {
    const path = join(to, entry.path);
    if (entry.type === 'folder') await mkdir(path, { mode: 0o700 });
    else if (entry.type === 'link') await symlink(entry.target, path);
    else {
      const copied = await copyFile(join(from, 'files', entry.path), path, options);
      if (copied?.sha256 !== entry.sha256) {
        const reason = copied
          ? `${entry.path} has checksum ${copied.sha256}, and not ${entry.sha256}`
          : `${entry.path} is missing`;
        throw fail(operationsErrors.BACKUP_DAMAGED, { id: manifest.backupId, reason });
      }
    }
    if (entry.type !== 'folder') await setAttributes(path, entry);
  }
  // Innermost first: what is written into a folder changes its time.
  for (const entry of manifest.entries.filter(({ type }) => type === 'folder').reverse()) {
    await syncFolder(join(to, entry.path));
    await setAttributes(join(to, entry.path), entry);
  }
  await syncFolder(to);
}

async function setAttributes(path: string, { type, mode, uid, gid, mtimeMs }: Entry): Promise<void> {
  // Others than root cannot give files away.
  if (process.getuid?.() === 0) await lchown(path, uid, gid);
  if (type === 'link') return lutimes(path, mtimeMs / 1000, mtimeMs / 1000);
  await chmod(path, mode);
  await utimes(path, mtimeMs / 1000, mtimeMs / 1000);
}
