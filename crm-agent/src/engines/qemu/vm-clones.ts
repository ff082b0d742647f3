import { fail, isKind, messageOf } from '@edgeplane/base';
import { copyDisk, createOverlay } from './disk-files.js';
import { qemuErrors } from './errors.js';
import { type BaseImage, imageInfo } from './images.js';
import type { LayerUsers } from './layer-users.js';
import { baseOf, chainOf, diskFile } from './layers.js';
import type { Nic } from './network-spec.js';
import { checkSpec, type VmSpec } from './spec.js';
import { listVmIds, type VmDir } from './vm-dir.js';
import { headsOf, type VmDisks } from './vm-disks.js';
import type { CloneOrigin, VmRecord } from './vm-record.js';
import type { VmTable } from './vm-table.js';

export interface CloneRequest {
  readonly source: string;
  readonly id: string;
  /** `linked` shares what the source has so far and is there at once; `full` stands by itself. */
  readonly kind: CloneOrigin['kind'];
  /** Default: the source as it is now; its disks are as after a power failure if it runs. */
  readonly snapshot?: string;
  /**
   * What is to be different. Otherwise it is as the source, with addresses of its own, no host ports and no seed, as
   * those are for one machine only.
   */
  readonly change?: Partial<Omit<VmSpec, 'id' | 'image' | 'diskMib' | 'extraDisks'>>;
  /** Ends it, without a trace. */
  readonly signal?: AbortSignal;
}

/** The source's disks at the moment of the clone. */
interface Frozen {
  readonly dir: VmDir;
  readonly record: VmRecord;
  /** Layer by disk. */
  readonly layers: Readonly<Record<string, string>>;
  readonly spec: VmSpec;
}

/** Machines made from machines. */
export class VmClones {
  readonly #table: VmTable;
  readonly #disks: VmDisks;
  readonly #users: LayerUsers;

  constructor(table: VmTable, disks: VmDisks, users: LayerUsers) {
    this.#table = table;
    this.#disks = disks;
    this.#users = users;
  }

  /**
   * Makes a machine, not running, from the disks of another. Repeating it changes nothing.
   * @throws vmNotFound, snapshotNotFound, vmExists when the id is that of another machine, DISK_FULL
   */
  async create(request: CloneRequest): Promise<void> {
    const { source, id, kind, snapshot } = request;
    const origin: CloneOrigin = { source, kind, ...(snapshot === undefined ? {} : { snapshot }) };
    await this.#table.turn(id, async (dir) => {
      const there = await dir.readRecord();
      if (there?.retired) throw fail(qemuErrors.vmIdKept, { id });
      if (there) {
        if (JSON.stringify(there.clone) === JSON.stringify(origin)) return;
        throw fail(qemuErrors.vmExists, { id, field: 'origin' });
      }
      await this.#table.record(this.#table.dir(source));
      const frozen = await this.#table.turn(source, (from) => this.#freeze(from, request));
      const paths = Object.values(frozen.layers).map((layer) => frozen.dir.disk(layer));
      await this.#users.pinned(paths, () => this.#fill(dir, frozen, origin, request));
      this.#table.context.logger.info({ vm: id, source, kind }, 'VM cloned');
    });
    if (kind === 'full') await this.release(source);
  }

  /** Ids that no machine can be made with: of some that were removed, files stay for linked clones. */
  async keptIds(): Promise<readonly string[]> {
    const ids = await listVmIds(this.#table.root);
    const records = await Promise.all(
      ids.map((id) =>
        this.#table
          .dir(id)
          .readRecord()
          .catch(() => undefined),
      ),
    );
    return ids.filter((_, at) => records[at]?.retired);
  }

  /** Lets a machine merge layers that it kept for a clone or a copy; one that was removed goes with the last of them. */
  async release(source: string): Promise<void> {
    const below = await this.#table
      .turn(source, async (dir) => {
        const record = await dir.readRecord();
        if (record?.retired) return this.#goes(dir, record);
        if (record) await this.#disks.tidy(dir, await this.#disks.settle(dir));
        return undefined;
      })
      .catch((error: unknown) => {
        this.#table.context.logger.warn({ vm: source, reason: messageOf(error) }, 'Layers are not merged');
        return undefined;
      });
    if (below !== undefined) await this.release(below);
  }

  /** Ends a machine whose disks others lie on, and keeps its files for as long as they do. */
  async retire(id: string): Promise<void> {
    await this.#table.turn(id, async (dir) => {
      const record = await this.#disks.settle(dir);
      await this.#table.killAll(id);
      await dir.writeRecord({ ...record, retired: true });
      this.#table.context.logger.info({ vm: id, to: 'missing' }, 'VM removed; its disks stay for clones');
    });
    // The last of them may have gone meanwhile.
    await this.release(id);
  }

  /** Removes what is left of a machine when nobody needs it. Gives the machine that it lay on itself. */
  async #goes(dir: VmDir, record: VmRecord): Promise<string | undefined> {
    try {
      await this.#users.requireUnused(dir.id);
    } catch (error) {
      if (isKind(error, qemuErrors.diskInUse)) return undefined;
      throw error;
    }
    await dir.remove();
    this.#table.context.logger.info({ vm: dir.id }, 'Disks of a removed VM are not needed any more');
    return record.clone?.kind === 'linked' ? record.clone.source : undefined;
  }

  async #freeze(dir: VmDir, { source, snapshot }: CloneRequest): Promise<Frozen> {
    const before = await this.#disks.settle(dir);
    if (snapshot === undefined) {
      const record = await this.#disks.freeze(dir, before);
      return { dir, record, layers: headsOf(before), spec: before.spec };
    }
    const found = before.snapshots?.find(({ name }) => name === snapshot);
    if (!found) throw fail(qemuErrors.snapshotNotFound, { id: source, name: snapshot });
    return { dir, record: before, layers: found.layers, spec: { ...before.spec, ...found.sizes } };
  }

  async #fill(dir: VmDir, from: Frozen, origin: CloneOrigin, request: CloneRequest): Promise<void> {
    const { cloudInit: _, ...plain } = from.spec;
    const spec: VmSpec = { ...plain, nics: plain.nics.map(fresh), ...request.change, id: dir.id };
    checkSpec(spec);
    const linked = origin.kind === 'linked';
    const extraBases: Record<string, BaseImage> = {};
    let base: BaseImage | undefined;
    if (linked) {
      base = await baseOn(from, 'boot');
      for (const { name } of spec.extraDisks ?? []) extraBases[name] = await baseOn(from, diskFile(name));
    }
    const record: VmRecord = { version: 2, spec, ...(base ? { base } : {}), extraBases, clone: origin };
    await dir.create(record, async (part) => {
      for (const disk of ['boot', ...(spec.extraDisks ?? []).map(({ name }) => diskFile(name))]) {
        const path = from.dir.disk(from.layers[disk] ?? disk);
        if (linked) await createOverlay(part.disk(disk), path);
        else
          await copyDisk(part.disk(disk), {
            from: { path, format: 'qcow2' },
            format: 'qcow2',
            signal: request.signal,
          });
      }
      await this.#table.context.onStep(dir.id, 'clone-filled');
    });
  }
}

/** A frozen layer as the base of another machine's disk, with all that it lies on. */
async function baseOn({ dir, record, layers }: Frozen, disk: string): Promise<BaseImage> {
  const layer = layers[disk] ?? disk;
  const own = chainOf(record, layer).map((id) => ({ path: dir.disk(id), format: 'qcow2' as const }));
  const base = baseOf(record, disk);
  const below = [
    ...own.slice(1),
    ...(base ? [{ path: base.path, format: base.format }, ...(base.below ?? [])] : []),
  ];
  const path = dir.disk(layer);
  const { virtualBytes } = await imageInfo(path, 'qcow2');
  return { path, format: 'qcow2', virtualBytes, below };
}

function fresh(nic: Nic): Nic {
  const { mac: _, ...rest } = nic;
  return rest.type === 'user' ? { type: 'user' } : rest;
}
