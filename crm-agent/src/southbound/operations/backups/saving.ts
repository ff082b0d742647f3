import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, writeFileAtomic } from '@edgeplane/base';
import { operationsErrors } from '../errors.js';
import type { PoolView } from '../pools/pool.js';
import { syncFolder } from './catalogue.js';
import { type CopyOptions, copyFile } from './copy-file.js';
import { type FileEntry, type Manifest, sealed } from './manifest.js';
import { attributesOf, type FoundFile, type Tree } from './tree.js';

/** How often a file is copied that changes meanwhile. */
const TRIES = 3;

/** Copies the files of a pool into an empty folder of a backup; those that vanish are left out. @throws FILE_CHANGES */
export async function saveFiles(
  pool: string,
  view: PoolView,
  tree: Tree,
  folder: string,
  options: CopyOptions,
): Promise<readonly FileEntry[]> {
  const entries: FileEntry[] = [];
  await mkdir(join(folder, 'files'), { mode: 0o700 });
  for (const { path } of tree.folders)
    await mkdir(join(folder, 'files', path), { recursive: true, mode: 0o700 });
  for (const file of tree.files) {
    const entry = await saveFile(pool, view, file, folder, options);
    if (entry) entries.push(entry);
  }
  return entries;
}

async function saveFile(
  pool: string,
  view: PoolView,
  { path }: FoundFile,
  folder: string,
  options: CopyOptions,
): Promise<FileEntry | undefined> {
  const to = join(folder, 'files', path);
  for (let tried = 0; tried < TRIES; tried++) {
    const copied = await copyFile(join(view.path, path), to, options);
    if (!copied) return undefined;
    const { size, sha256, stat, changed } = copied;
    if (view.frozen || !changed) return { type: 'file', path, size, sha256, ...attributesOf(stat) };
    await rm(to, { force: true });
  }
  throw fail(operationsErrors.FILE_CHANGES, { pool, file: path, times: TRIES });
}

/** Writes the manifest last, so that what has one has all its files. */
export async function writeManifest(folder: string, manifest: Manifest): Promise<string> {
  const { text, sha256 } = sealed(manifest);
  for (const entry of manifest.entries)
    if (entry.type === 'folder') await syncFolder(join(folder, 'files', entry.path));
  await syncFolder(join(folder, 'files'));
  await writeFileAtomic(join(folder, 'manifest.json'), text);
  await writeFileAtomic(join(folder, 'manifest.sha256'), `${sha256}\n`);
  return sha256;
}
