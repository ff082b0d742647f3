import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { removeFile, writeFileAtomic } from '@edgeplane/base';
import { fileDisk, type MirrorDisk } from '@edgeplane/notify';
import { readJsonFile } from './json-file.js';
import { lockStateDir, type StateLock } from './state-lock.js';

/** Where an agent keeps what has to outlive it. What a call has written or removed is durable when it resolves. */
export interface Disk extends MirrorDisk {
  /** Takes a folder for this agent. @throws STATE_DIR_BUSY when another one has it. */
  lock(dir: string): Promise<StateLock>;
  /** The parsed JSON of every record of a folder, which is made when needed. @throws RECORD_BROKEN naming the path. */
  list(dir: string): Promise<unknown[]>;
  /** Replaces a file: a crash leaves the old text or the new one. */
  write(path: string, text: string): Promise<void>;
  remove(path: string): Promise<void>;
}

const READ_AT_ONCE = 32;

/** The machine's disk. */
export const systemDisk: Disk = {
  ...fileDisk,
  lock: lockStateDir,
  async list(dir) {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    // A crash may leave a `.new` file; the record it was to replace is still whole.
    const names = (await readdir(dir)).filter((name) => name.endsWith('.json'));
    const records: unknown[] = [];
    // A few at once, so that a site with hundreds of records does not wait for the disk once for each.
    for (let at = 0; at < names.length; at += READ_AT_ONCE) {
      const some = names.slice(at, at + READ_AT_ONCE);
      records.push(...(await Promise.all(some.map((name) => readJsonFile(join(dir, name))))));
    }
    return records;
  },
  write: (path, text) => writeFileAtomic(path, text),
  remove: removeFile,
};
