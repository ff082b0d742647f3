import { createHash } from 'node:crypto';

/** How much the files of a backup belong together: all of one moment, or each for itself. */
export type Consistency = 'point-in-time' | 'per-file';

interface EntryBase {
  /** Relative to the pool, with slashes. */
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Milliseconds, with their fraction. */
  readonly mtimeMs: number;
}

export interface FileEntry extends EntryBase {
  readonly type: 'file';
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
}

export interface FolderEntry extends EntryBase {
  readonly type: 'folder';
}

export interface LinkEntry extends EntryBase {
  readonly type: 'link';
  readonly target: string;
}

export type Entry = FileEntry | FolderEntry | LinkEntry;

/** What a backup holds. Folders come before what is in them. */
export interface Manifest {
  readonly version: 1;
  readonly backupId: string;
  readonly pool: string;
  readonly label: string;
  readonly createdMs: number;
  readonly consistency: Consistency;
  readonly entries: readonly Entry[];
  /** What is no file, folder or link, such as sockets. */
  readonly skipped: readonly string[];
}

export interface BackupTotals {
  readonly files: number;
  readonly bytes: number;
}

export function totalsOf({ entries }: Pick<Manifest, 'entries'>): BackupTotals {
  const files = entries.filter((entry) => entry.type === 'file');
  return { files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0) };
}

/** Text of a manifest and the checksum by which it is known to be whole. */
export function sealed(manifest: Manifest): { readonly text: string; readonly sha256: string } {
  const text = `${JSON.stringify(manifest, null, 1)}\n`;
  return { text, sha256: createHash('sha256').update(text).digest('hex') };
}

/** @throws Error telling what is wrong with it */
export function unsealed(text: string, sha256: string): Manifest {
  const actual = createHash('sha256').update(text).digest('hex');
  if (actual !== sha256.trim())
    throw new Error(`its manifest has checksum ${actual}, and not ${sha256.trim()}`);
  const manifest = JSON.parse(text) as Manifest;
  if (manifest.version !== 1)
    throw new Error(`its manifest is of version ${String(manifest.version)}, and not 1`);
  const bad = manifest.entries.find(({ path }) => !isInside(path));
  if (bad) throw new Error(`its manifest names ${JSON.stringify(bad.path)}, which is not inside of it`);
  return manifest;
}

/** Whether a relative path stays below where it begins, whatever that is. */
export function isInside(path: string): boolean {
  if (path === '' || path.includes('\0') || path.length > 4095) return false;
  return path
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..' && Buffer.byteLength(part) <= 255);
}
