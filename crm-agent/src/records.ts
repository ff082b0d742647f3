import { join } from 'node:path';
import { type Disk, systemDisk } from './disk.js';
import { shortHash } from './host-names.js';

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
  readonly #disk: Disk;
  readonly #records = new Map<string, T>();

  constructor(dir: string | undefined, disk: Disk = systemDisk) {
    this.#dir = dir;
    this.#disk = disk;
  }

  /**
   * Reads all records. `check` turns parsed JSON into a record, or throws.
   * @throws when a file cannot be read: guessing would leak what the record names.
   */
  async load(check: (json: unknown) => T): Promise<void> {
    if (this.#dir === undefined) return;
    for (const json of await this.#disk.list(this.#dir)) {
      const record = check(json);
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
    if (path !== undefined) await this.#disk.write(path, JSON.stringify(record));
    this.#records.set(record.keyJson, record);
  }

  async delete(keyJson: string): Promise<void> {
    const path = this.#path(keyJson);
    if (path !== undefined && this.#records.has(keyJson)) await this.#disk.remove(path);
    this.#records.delete(keyJson);
  }

  #path(keyJson: string): string | undefined {
    return this.#dir === undefined ? undefined : join(this.#dir, `${shortHash(keyJson)}.json`);
  }
}
