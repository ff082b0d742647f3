import { join } from 'node:path';
import { fail, messageOf } from '@edgeplane/base';
import type { Disk } from '../../disk.js';
import { agentErrors } from '../../errors.js';
import { isFinished, type OperationRecord, toOperationRecord } from './record.js';

/** What of a disk is needed here. */
export type OperationDisk = Pick<Disk, 'list' | 'read' | 'write' | 'remove'>;

/** The operations of one door on disk: a file each, and beside them the secrets of those that are not over. */
export class RecordFiles {
  readonly #dir: string;
  readonly #disk: OperationDisk;

  constructor(dir: string, disk: OperationDisk) {
    this.#dir = dir;
    this.#disk = disk;
  }

  /**
   * All records, in order of submission. Secrets that nobody needs any more are removed.
   * @throws RECORD_BROKEN: what is left out would be done again, or never
   */
  async load(): Promise<readonly OperationRecord[]> {
    const records = (await this.#disk.list(this.#dir)).map((json) => {
      try {
        return toOperationRecord(json);
      } catch (error) {
        const params = { path: `an operation in ${this.#dir}`, reason: messageOf(error) };
        throw fail(agentErrors.RECORD_BROKEN, params, { cause: error });
      }
    });
    const underWay = new Set(records.filter((record) => !isFinished(record)).map(({ id }) => id));
    for (const json of await this.#disk.list(join(this.#dir, SECRETS))) {
      const { id } = json as { id: string };
      if (!underWay.has(id)) await this.#disk.remove(this.#secretPath(id));
    }
    return records.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async write(record: OperationRecord): Promise<void> {
    await this.#disk.write(this.#path(record.id), JSON.stringify(record));
  }

  async remove(id: string): Promise<void> {
    await this.#disk.remove(this.#path(id));
  }

  /** Readable by the agent's user only. */
  async writeSecret(id: string, secret: string): Promise<void> {
    await this.#disk.write(this.#secretPath(id), JSON.stringify({ id, secret }));
  }

  /** Empty when the operation came without one. */
  async readSecret(id: string): Promise<string> {
    const text = await this.#disk.read(this.#secretPath(id));
    return text === undefined ? '' : (JSON.parse(text) as { secret: string }).secret;
  }

  async removeSecret(id: string): Promise<void> {
    await this.#disk.remove(this.#secretPath(id));
  }

  #path(id: string): string {
    return join(this.#dir, `${id}.json`);
  }

  #secretPath(id: string): string {
    return join(this.#dir, SECRETS, `${id}.json`);
  }
}

const SECRETS = 'secrets';
