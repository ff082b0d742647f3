import { join } from 'node:path';
import { fail } from '@edgeplane/base';
import { operationsErrors } from '../errors.js';
import { type CopyOptions, checksum } from './copy-file.js';
import type { Manifest } from './manifest.js';

/** Reads every file of a backup. @throws BACKUP_DAMAGED naming the first that is not what the manifest says */
export async function verifyFiles(manifest: Manifest, folder: string, options: CopyOptions): Promise<void> {
  const damaged = (reason: string) =>
    fail(operationsErrors.BACKUP_DAMAGED, { id: manifest.backupId, reason });
  for (const entry of manifest.entries) {
    if (entry.type !== 'file') continue;
    const found = await checksum(join(folder, 'files', entry.path), options);
    if (!found) throw damaged(`${entry.path} is missing`);
    if (found.size !== entry.size)
      throw damaged(`${entry.path} has ${found.size} bytes, and not ${entry.size}`);
    if (found.sha256 !== entry.sha256)
      throw damaged(`${entry.path} has checksum ${found.sha256}, and not ${entry.sha256}`);
  }
}
