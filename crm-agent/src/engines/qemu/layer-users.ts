import { fail, messageOf } from '@edgeplane/base';
import { qemuErrors } from './errors.js';
import { chainOf } from './layers.js';
import { listVmIds, type VmDir } from './vm-dir.js';
import type { VmRecord } from './vm-record.js';
import type { VmTable } from './vm-table.js';

/** Who lies on which disk files: linked clones, by their records, and copies that are being made. */
export class LayerUsers {
  readonly #table: VmTable;
  /** Paths that a copy under way reads, with how many do. */
  readonly #pins = new Map<string, number>();

  constructor(table: VmTable) {
    this.#table = table;
  }

  /** Layers of a machine that somebody else lies on. */
  async layersInUse(dir: VmDir, record: VmRecord): Promise<ReadonlySet<string>> {
    const users = await this.#usersOf(dir.id);
    const layers = Object.keys(record.layers ?? {}).flatMap((layer) => chainOf(record, layer));
    return new Set(layers.filter((layer) => this.#pins.has(dir.disk(layer)) || users.has(dir.disk(layer))));
  }

  /** Ids of the machines whose disks lie on an image. */
  async ofImage(path: string): Promise<readonly string[]> {
    const users: string[] = [];
    for (const id of await listVmIds(this.#table.root)) {
      const record = await this.#table.dir(id).readRecord();
      if (record && basesOf(record).includes(path)) users.push(id);
    }
    return users;
  }

  /** Keeps files as they are while `work` reads them, without keeping the machine from anything else. */
  async pinned<T>(paths: readonly string[], work: () => Promise<T>): Promise<T> {
    for (const path of paths) this.#pins.set(path, (this.#pins.get(path) ?? 0) + 1);
    try {
      return await work();
    } finally {
      for (const path of paths) {
        const left = (this.#pins.get(path) ?? 1) - 1;
        if (left > 0) this.#pins.set(path, left);
        else this.#pins.delete(path);
      }
    }
  }

  /** @throws diskInUse when a linked clone lies on the machine's disks, or one is being made */
  async requireUnused(id: string): Promise<void> {
    const users = new Set([...(await this.#usersOf(id)).values()].flat());
    const prefix = `${this.#table.dir(id).path}/`;
    if ([...this.#pins.keys()].some((path) => path.startsWith(prefix))) users.add('(being made)');
    if (users.size > 0) throw fail(qemuErrors.diskInUse, { id, users: [...users].join(', ') });
  }

  /** Files of the machine that disks of other machines lie on, with the ids of those. */
  async #usersOf(id: string): Promise<ReadonlyMap<string, readonly string[]>> {
    const users = new Map<string, string[]>();
    const prefix = `${this.#table.dir(id).path}/`;
    for (const other of await listVmIds(this.#table.root)) {
      if (other === id) continue;
      const record = await this.#readRecord(other);
      for (const path of record ? basesOf(record) : [])
        if (path.startsWith(prefix)) users.set(path, [...(users.get(path) ?? []), other]);
    }
    return users;
  }

  async #readRecord(id: string): Promise<VmRecord | undefined> {
    try {
      return await this.#table.dir(id).readRecord();
    } catch (error) {
      // Such a machine does not run and can only be destroyed, so it is no reason to keep anything.
      this.#table.context.logger.warn({ vm: id, reason: messageOf(error) }, 'Record cannot be read');
      return undefined;
    }
  }
}

/** Every file that disks of the machine lie on and that is not its own. */
function basesOf(record: VmRecord): string[] {
  return [record.base, ...Object.values(record.extraBases)].flatMap((base) =>
    base ? [base.path, ...(base.below ?? []).map(({ path }) => path)] : [],
  );
}
