import { mkdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, messageOf } from '@edgeplane/base';
import type { Disk } from '../../../disk.js';
import { operationsErrors } from '../errors.js';
import type { DirPoolSettings } from '../inventory.js';
import { headroomOf, roundUp } from '../storage-size.js';
import { diskUse } from './disk-use.js';
import { EXTENT, HOST_FLOOR, type Pool, type PoolStatus, type PoolView } from './pool.js';

export interface DirPoolOptions {
  readonly id: string;
  readonly settings: DirPoolSettings;
  readonly headroom: bigint | undefined;
  /** Folder for what is remembered of it. */
  readonly dir: string;
  readonly disk: Disk;
}

/** A folder with a limit. The limit is what the pool offers: nothing but those who ask keeps to it. */
export class DirPool implements Pool {
  readonly driver = 'dir';
  readonly id: string;
  readonly path: string;
  readonly #options: DirPoolOptions;
  readonly #record: string;

  constructor(options: DirPoolOptions) {
    this.#options = options;
    this.id = options.id;
    this.path = options.settings.path;
    this.#record = join(options.dir, 'limit.json');
  }

  async start(): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
  }

  async status(): Promise<PoolStatus> {
    try {
      const size = await this.#limit();
      const used = await diskUse(this.path);
      const available = await this.#available();
      const below = size > used ? size - used : 0n;
      return {
        ...{ size, used, headroom: headroomOf(this.#options.headroom, size), extent: EXTENT },
        ...{ filesystem: '', free: below < available ? below : available, cannotShrink: undefined },
      };
    } catch (error) {
      const reason = `cannot be looked at: ${messageOf(error)}`;
      throw fail(operationsErrors.POOL_UNAVAILABLE, { pool: this.id, reason }, { cause: error });
    }
  }

  async hostRoom(): Promise<bigint> {
    const { size, used } = await this.status();
    const promised = size > used ? size - used : 0n;
    const room = (await this.#available()) - promised - HOST_FLOOR;
    return room > 0n ? room : 0n;
  }

  async resize(to: bigint): Promise<void> {
    await this.#options.disk.write(this.#record, JSON.stringify({ bytes: String(to) }));
  }

  async view(): Promise<PoolView> {
    return { path: this.path, frozen: false };
  }

  async dropView(): Promise<void> {
    // A view of a folder is the folder.
  }

  async views(): Promise<readonly string[]> {
    return [];
  }

  async stop(): Promise<void> {
    // There is nothing to let go of.
  }

  async #limit(): Promise<bigint> {
    const text = await this.#options.disk.read(this.#record);
    if (text === undefined) return roundUp(this.#options.settings.size, EXTENT);
    return BigInt((JSON.parse(text) as { bytes: string }).bytes);
  }

  async #available(): Promise<bigint> {
    const { bavail, bsize } = await statfs(this.path, { bigint: true });
    return bavail * bsize;
  }
}
