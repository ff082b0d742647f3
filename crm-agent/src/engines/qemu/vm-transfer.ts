import { mkdir, rm, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { fail, isThere, KeyedTurns } from '@edgeplane/base';
import { fileDigest } from '../../file-digest.js';
import { copyDisk } from './disk-files.js';
import { qemuErrors } from './errors.js';
import { removeTemporary } from './files.js';
import { type BaseImage, imageInfo } from './images.js';
import type { LayerUsers } from './layer-users.js';
import { chainOf, diskFile, headOf } from './layers.js';
import { checkId, specRule } from './spec.js';
import type { VmClones } from './vm-clones.js';
import type { VmDisks } from './vm-disks.js';
import type { VmRecord } from './vm-record.js';
import type { VmTable } from './vm-table.js';

export const EXPORT_FORMATS = ['qcow2', 'raw', 'vmdk'] as const;
export const IMPORT_FORMATS = ['qcow2', 'raw', 'vmdk', 'vdi', 'vhdx', 'vpc'] as const;

export interface ExportRequest {
  /** `boot`, or the name of an extra disk. */
  readonly disk: string;
  /** Default: the disk as it is now. */
  readonly snapshot?: string;
  /** Absolute path of the file to make; one that is there is replaced. */
  readonly path: string;
  readonly format: (typeof EXPORT_FORMATS)[number];
  /** qcow2 and vmdk only. */
  readonly compress?: boolean;
  readonly signal?: AbortSignal;
}

export interface ExportedDisk {
  readonly path: string;
  readonly bytes: number;
  /** Of the file, lowercase hexadecimal. */
  readonly sha256: string;
}

export interface ImportRequest {
  /** Names the result; importing again under the same name gives what is there. */
  readonly name: string;
  readonly path: string;
  /** Of the file as it is, before it is converted. */
  readonly sha256?: string;
  /** Default: found out from the file. A file that is raw should be said to be. */
  readonly format?: (typeof IMPORT_FORMATS)[number];
  readonly signal?: AbortSignal;
}

export interface DiskInfo {
  readonly disk: string;
  readonly path: string;
  readonly format: string;
  readonly virtualBytes: number;
  /** Room that its own files take on the host. */
  readonly actualBytes: number;
  readonly bootable: boolean;
  readonly readOnly: boolean;
  /** The image, or the frozen disk of another machine, that it lies on. */
  readonly base?: string;
  readonly snapshots: readonly string[];
}

/** Disks as files: out of machines, into images, and what is known of them. */
export class VmTransfer {
  readonly #table: VmTable;
  readonly #disks: VmDisks;
  readonly #users: LayerUsers;
  readonly #clones: VmClones;
  readonly #imageDir: string;
  /** By path: only one makes a file at a time. */
  readonly #exports = new KeyedTurns();

  constructor(table: VmTable, disks: VmDisks, users: LayerUsers, clones: VmClones, imageDir: string) {
    this.#table = table;
    this.#disks = disks;
    this.#users = users;
    this.#clones = clones;
    this.#imageDir = imageDir;
  }

  /** Copies a disk as it is at one moment, whether the machine runs or not; it goes on meanwhile. */
  async exportDisk(id: string, request: ExportRequest): Promise<ExportedDisk> {
    const { disk, snapshot, path, format, compress = false, signal } = request;
    const need = specRule(id);
    need(isAbsolute(path), 'export path', 'an absolute path', path);
    need(EXPORT_FORMATS.includes(format), 'export format', EXPORT_FORMATS.join(', '), format);
    need(!compress || format !== 'raw', 'compress', 'false for raw, which cannot be compressed', compress);
    const source = await this.#table.turn(id, async (dir) => {
      const before = await this.#disks.settle(dir);
      const file = this.#fileOf(before, disk);
      if (snapshot !== undefined) {
        const layer = before.snapshots?.find(({ name }) => name === snapshot)?.layers[file];
        if (layer === undefined) throw fail(qemuErrors.snapshotNotFound, { id, name: snapshot });
        return dir.disk(layer);
      }
      await this.#disks.freeze(dir, before);
      return dir.disk(headOf(before, file));
    });
    try {
      await this.#users.pinned([source], () =>
        this.#exports.run(path, async () => {
          await removeTemporary(path);
          await copyDisk(path, {
            from: { path: source, format: 'qcow2' },
            format,
            compress: compress && format === 'qcow2',
            options: compress && format === 'vmdk' ? ['subformat=streamOptimized'] : [],
            signal,
          });
        }),
      );
    } finally {
      await this.#clones.release(id);
    }
    const { size } = await stat(path);
    return { path, bytes: size, sha256: await fileDigest(path) };
  }

  /**
   * Makes an image out of a file, for machines to be made from. @throws imageNotFound, imageDigestMismatch,
   * imageInvalid when it refers to other files, DISK_FULL
   */
  async importDisk(request: ImportRequest): Promise<BaseImage> {
    const { name, path, sha256, format, signal } = request;
    const target = this.importedPath(name);
    const refuse = (reason: string) => fail(qemuErrors.imageInvalid, { path, reason });
    return this.#table.turn(name, async () => {
      if (!(await isThere(target))) {
        if (!isAbsolute(path)) throw refuse('it must be an absolute path');
        if (!(await isThere(path))) throw fail(qemuErrors.imageNotFound, { path });
        const actual = sha256 === undefined ? undefined : await fileDigest(path);
        if (sha256 !== undefined && actual !== sha256.toLowerCase())
          throw fail(qemuErrors.imageDigestMismatch, {
            path,
            algorithm: 'sha256',
            actual: actual ?? '',
            expected: sha256,
          });
        const found = await imageInfo(path, format);
        if (!IMPORT_FORMATS.some((known) => known === found.format))
          throw refuse(`its format is ${found.format}, expected one of ${IMPORT_FORMATS.join(', ')}`);
        const other = referenceOf(found.info, path);
        if (other !== undefined) throw refuse(`it refers to another file (${other})`);
        await mkdir(this.#imageDir, { recursive: true });
        await copyDisk(target, { from: { path, format: found.format }, format: 'qcow2', signal });
      }
      const { virtualBytes } = await imageInfo(target, 'qcow2');
      return { path: target, format: 'qcow2', virtualBytes };
    });
  }

  /** Where an imported image lies, there or not. @throws vmSpecInvalid for a name that is none */
  importedPath(name: string): string {
    checkId(name);
    return join(this.#imageDir, `imported-${name}.qcow2`);
  }

  /** Removes an imported image. One that is not there is success. @throws imageInUse naming the machines on it */
  async removeImported(name: string): Promise<void> {
    const path = this.importedPath(name);
    const users = await this.#users.ofImage(path);
    if (users.length > 0) throw fail(qemuErrors.imageInUse, { path, users: users.join(', ') });
    await rm(path, { force: true });
  }

  /** The files that disks are written to, the boot disk first; known from the record alone. @throws vmNotFound */
  async files(id: string): Promise<readonly { readonly disk: string; readonly path: string }[]> {
    const dir = this.#table.dir(id);
    const record = await this.#table.record(dir);
    const disks = ['boot', ...(record.spec.extraDisks ?? []).map(({ name }) => name)];
    return disks.map((disk) => {
      const file = disk === 'boot' ? disk : diskFile(disk);
      return { disk, path: dir.disk(headOf(record, file)) };
    });
  }

  /** All disks of a machine, the boot disk first. */
  async disks(id: string): Promise<readonly DiskInfo[]> {
    const dir = this.#table.dir(id);
    const record = await this.#table.record(dir);
    const extras = record.spec.extraDisks ?? [];
    const all = [
      { disk: 'boot', file: 'boot', readOnly: false },
      ...extras.map(({ name, readOnly }) => ({
        disk: name,
        file: diskFile(name),
        readOnly: readOnly ?? false,
      })),
    ];
    return Promise.all(
      all.map(async ({ disk, file, readOnly }) => {
        const chain = chainOf(record, headOf(record, file));
        const infos = await Promise.all(chain.map((layer) => imageInfo(dir.disk(layer), 'qcow2')));
        const base = file === 'boot' ? record.base : record.extraBases[disk];
        return {
          disk,
          path: dir.disk(headOf(record, file)),
          format: 'qcow2',
          virtualBytes: infos[0]?.virtualBytes ?? 0,
          actualBytes: infos.reduce((sum, info) => sum + info.actualBytes, 0),
          bootable: file === 'boot',
          readOnly,
          ...(base ? { base: base.path } : {}),
          snapshots: (record.snapshots ?? []).flatMap(({ name, layers }) => (layers[file] ? [name] : [])),
        };
      }),
    );
  }

  /** @throws diskNotFound */
  #fileOf({ spec }: VmRecord, disk: string): string {
    if (disk === 'boot') return disk;
    if (spec.extraDisks?.some(({ name, readOnly }) => name === disk && !readOnly)) return diskFile(disk);
    throw fail(qemuErrors.diskNotFound, { id: spec.id, disk });
  }
}

/** Another file that an image would have us read, chosen by whoever made it. */
export function referenceOf(info: Readonly<Record<string, unknown>>, path: string): string | undefined {
  const backing = info['backing-filename'];
  if (backing !== undefined) return String(backing);
  const data = (info['format-specific'] as { data?: Record<string, unknown> } | undefined)?.data;
  if (data?.['data-file'] !== undefined) return String(data['data-file']);
  const extents = (data?.['extents'] ?? []) as readonly { filename?: string }[];
  return extents.map(({ filename }) => filename).find((name) => name !== undefined && name !== path);
}
