import { open, readdir, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, messageOf, writeFileAtomic } from '@edgeplane/base';
import { operationsErrors } from '../errors.js';
import type { BackupTarget } from '../inventory.js';
import { type Manifest, totalsOf, unsealed } from './manifest.js';

/** A complete backup at a target. */
export interface StoredBackup {
  readonly target: BackupTarget;
  readonly manifest: Manifest;
  readonly manifestSha256: string;
  /** When it was last read whole and found right; 0: never. */
  readonly verifiedMs: number;
  readonly files: number;
  readonly bytes: number;
}

const ID = /^b-[0-9A-Z]{26}$/;
const PARTIAL = '.partial-';
const DELETING = '.deleting-';

/** What an operation that makes a backup calls it. */
export const backupIdOf = (operationId: string): string => `b-${operationId}`;

/** The backups at the targets of the site. What is not complete has a name by which nobody finds it. */
export class Catalogue {
  readonly #targets: readonly BackupTarget[];

  /** The first is the default. */
  constructor(targets: readonly BackupTarget[]) {
    this.#targets = targets;
  }

  /** @throws UNKNOWN_TARGET */
  target(id: string): BackupTarget {
    const found = id === '' ? this.#targets[0] : this.#targets.find((one) => one.id === id);
    if (found) return found;
    const known = this.#targets.map((one) => one.id).join(', ') || 'none';
    throw fail(operationsErrors.UNKNOWN_TARGET, { id: id || '(default)', known });
  }

  /** The latest first. @throws TARGET_UNAVAILABLE: a list is complete or an error */
  async list(targetId: string): Promise<readonly StoredBackup[]> {
    const targets = targetId === '' ? this.#targets : [this.target(targetId)];
    const found: StoredBackup[] = [];
    for (const target of targets) {
      const names = (await this.#names(target)).filter((name) => ID.test(name));
      for (const name of names) found.push(await this.#read(target, name));
    }
    return found.sort((a, b) => (a.manifest.backupId < b.manifest.backupId ? 1 : -1));
  }

  /** @throws UNKNOWN_BACKUP, BACKUP_DAMAGED, TARGET_UNAVAILABLE */
  async get(id: string): Promise<StoredBackup> {
    for (const target of ID.test(id) ? this.#targets : [])
      if ((await this.#names(target)).includes(id)) return this.#read(target, id);
    throw fail(operationsErrors.UNKNOWN_BACKUP, { id });
  }

  folderOf({ target, manifest }: Pick<StoredBackup, 'target' | 'manifest'>): string {
    return join(target.path, manifest.backupId);
  }

  /** Where a backup grows until it is published. */
  partial(target: BackupTarget, id: string): string {
    return join(target.path, PARTIAL + id);
  }

  async has(target: BackupTarget, id: string): Promise<boolean> {
    return (await stat(join(target.path, id)).catch(() => undefined)) !== undefined;
  }

  /** Gives a backup that is whole on disk its name. */
  async publish(target: BackupTarget, id: string): Promise<void> {
    await syncFolder(this.partial(target, id));
    await rename(this.partial(target, id), join(target.path, id));
    await syncFolder(target.path);
  }

  async verified(backup: StoredBackup, atMs: number): Promise<void> {
    await writeFileAtomic(join(this.folderOf(backup), 'verified.json'), JSON.stringify({ atMs }));
  }

  /** Takes its name from a backup, and then the backup away. */
  async remove(target: BackupTarget, id: string): Promise<void> {
    const away = join(target.path, DELETING + id);
    if (await this.has(target, id)) {
      await rename(join(target.path, id), away);
      await syncFolder(target.path);
    }
    await rm(away, { recursive: true, force: true });
  }

  /** Removes what operations that are over left behind. @param underWay ids of backups that are being made or deleted */
  async sweep(underWay: ReadonlySet<string>): Promise<void> {
    for (const target of this.#targets)
      for (const name of await this.#names(target).catch(() => [])) {
        const prefix = [PARTIAL, DELETING].find((one) => name.startsWith(one));
        const id = prefix === undefined ? '' : name.slice(prefix.length);
        if (ID.test(id) && !underWay.has(id))
          await rm(join(target.path, name), { recursive: true, force: true });
      }
  }

  /** Bytes at a target: what is free, and what has to stay so. @throws TARGET_UNAVAILABLE */
  async room(target: BackupTarget): Promise<{ readonly free: number; readonly floor: number }> {
    await this.#names(target);
    const { blocks, bavail, bsize } = await statfs(target.path);
    return { free: bavail * bsize, floor: Math.floor((blocks * bsize * target.floorPercent) / 100) };
  }

  async #names(target: BackupTarget): Promise<readonly string[]> {
    try {
      return await readdir(target.path);
    } catch (error) {
      const params = { target: target.id, reason: messageOf(error) };
      throw fail(operationsErrors.TARGET_UNAVAILABLE, params, { cause: error });
    }
  }

  async #read(target: BackupTarget, id: string): Promise<StoredBackup> {
    const folder = join(target.path, id);
    try {
      const manifestSha256 = (await readFile(join(folder, 'manifest.sha256'), 'utf8')).trim();
      const manifest = unsealed(await readFile(join(folder, 'manifest.json'), 'utf8'), manifestSha256);
      const verified = await readFile(join(folder, 'verified.json'), 'utf8').catch(() => '{"atMs":0}');
      const { atMs: verifiedMs } = JSON.parse(verified) as { atMs: number };
      return { target, manifest, manifestSha256, verifiedMs, ...totalsOf(manifest) };
    } catch (error) {
      throw fail(operationsErrors.BACKUP_DAMAGED, { id, reason: messageOf(error) }, { cause: error });
    }
  }
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
