import { join } from 'node:path';
import type { Disk } from '../../disk.js';

/** What is known of a disk or image that was brought in. */
export interface CatalogEntry {
  readonly name: string;
  /** Equal when it would be brought from the same place in the same way. */
  readonly origin: string;
  /** Of the bytes as they came; empty when they were on this host. */
  readonly sha256: string;
  /** Room that it takes here. */
  readonly bytes: number;
}

/** Where disks and images came from: a small file for each, beside the engine's own. */
export class DiskCatalog {
  readonly #dir: string;
  readonly #disk: Pick<Disk, 'list' | 'write' | 'remove'>;
  readonly #entries = new Map<string, CatalogEntry>();

  constructor(dir: string, disk: Pick<Disk, 'list' | 'write' | 'remove'>) {
    this.#dir = dir;
    this.#disk = disk;
  }

  async start(): Promise<void> {
    for (const entry of (await this.#disk.list(this.#dir)) as CatalogEntry[])
      this.#entries.set(entry.name, entry);
  }

  get(name: string): CatalogEntry | undefined {
    return this.#entries.get(name);
  }

  async set(entry: CatalogEntry): Promise<void> {
    await this.#disk.write(this.#path(entry.name), JSON.stringify(entry));
    this.#entries.set(entry.name, entry);
  }

  async remove(name: string): Promise<void> {
    if (!this.#entries.delete(name)) return;
    await this.#disk.remove(this.#path(name));
  }

  #path(name: string): string {
    return join(this.#dir, `${name}.json`);
  }
}
