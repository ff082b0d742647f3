import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { shortHash } from './host-names.js';
import { readJsonFile, removeFile, writeFileAtomic } from './json-file.js';

/** What every record holds; the rest is the owner's. Plain JSON. */
export interface KeyedRecord {
  readonly keyJson: string;
}

/**
 * Records by key JSON, one file each, written through before `put` and `delete` resolve. The owner calls it for one
 * key at a time. Without a folder the records live in memory only.
 */
export class RecordStore<T extends KeyedRecord> {
  readonly #dir: string | undefined;
  readonly #records = new Map<string, T>();

  constructor(dir: string | undefined) {
    this.#dir = dir;
  }

  /**
   * Reads all records. `check` turns parsed JSON into a record, or throws.
   * @throws when a file cannot be read: guessing would leak what the record names.
   */
  async load(check: (json: unknown) => T): Promise<void> {
    if (this.#dir === undefined) return;
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#dir)) {
      // A crash may leave a `.new` file; the record it was to replace is still whole.
      if (!name.endsWith('.json')) continue;
      const record = check(await readJsonFile(join(this.#dir, name)));
      this.#records.set(record.keyJson, record);
    }
  }

  get(keyJson: string): T | undefined {
    return this.#records.get(keyJson);
  }

  /** A snapshot. */
  values(): readonly T[] {
    return [...this.#records.values()];
  }

  async put(record: T): Promise<void> {
    const path = this.#path(record.keyJson);
    if (path !== undefined) await writeFileAtomic(path, JSON.stringify(record));
    this.#records.set(record.keyJson, record);
  }

  async delete(keyJson: string): Promise<void> {
    const path = this.#path(keyJson);
    if (path !== undefined && this.#records.has(keyJson)) await removeFile(path);
    this.#records.delete(keyJson);
  }

  #path(keyJson: string): string | undefined {
    return this.#dir === undefined ? undefined : join(this.#dir, `${shortHash(keyJson)}.json`);
  }
}
