import { stat } from 'node:fs/promises';
import { type Clock, fail, isThere } from '@edgeplane/base';
import type * as rpc from '@edgeplane/proto/southbound/virtrigaud/provider/v1/provider.js';
import type { RpcContext } from '@edgeplane/rpc';
import type { DiskInfo, QemuEngine } from '../../engines/qemu/index.js';
import type { DiskCatalog } from './disk-catalog.js';
import { EXPORT_FORMATS, type ExportWork, type ImageWork, type ImportWork } from './disk-work.js';
import { virtrigaudErrors } from './errors.js';
import { diskKey, type ImageLibrary, imageKey } from './image-library.js';
import { IMAGE_FORMATS, readChecksum, readPreparation } from './image-wish.js';
import { readObject } from './json.js';
import { hashOf } from './labels.js';
import { type LocationRequest, type LocationSettings, readLocation } from './locations.js';
import { checkName } from './names.js';
import type { Operations } from './operations.js';
import { invalid, oneOf } from './values.js';
import type { VmCalls } from './vm-calls.js';

export interface DiskCallTools {
  readonly engine: QemuEngine;
  readonly operations: Operations;
  readonly vms: VmCalls;
  readonly images: ImageLibrary;
  readonly disks: DiskCatalog;
  readonly prepared: DiskCatalog;
  readonly locations: LocationSettings;
  readonly clock: Clock;
}

/** The calls that bring disks and images in and out, and tell of them (spec of VirtRigaud, sections 5 and 6). */
export class DiskCalls {
  readonly #t: DiskCallTools;

  constructor(tools: DiskCallTools) {
    this.#t = tools;
  }

  async export(request: rpc.ExportDiskRequest, context: RpcContext): Promise<rpc.ExportDiskResponse> {
    const { operations, locations } = this.#t;
    const place = placeOf('destination_url', request.destinationUrl, request);
    readLocation(place, locations);
    const format = oneOf('format', request.format.toLowerCase() || 'qcow2', EXPORT_FORMATS);
    const { id, disk } = await this.#disk(request.vmId, request.diskId, request.snapshotId);
    const to = hashOf(place.url);
    const snapshot = request.snapshotId;
    const work: ExportWork = { id, disk: disk.disk, snapshot, format, compress: request.compress, to };
    // Whoever sends to the same place waits for who does already.
    const wanted = { kind: 'export', subject: `export ${to}`, request: work, secret: place };
    const { task, result } = await operations.done(wanted, context);
    const exportId = `export-${id}-${hashOf(work)}`;
    const size = result['bytes'] ?? String(disk.actualBytes);
    return { exportId, task, estimatedSizeBytes: BigInt(size), checksum: result['sha256'] ?? '' };
  }

  async import(request: rpc.ImportDiskRequest, context: RpcContext): Promise<rpc.ImportDiskResponse> {
    const { operations, locations, disks, engine, clock } = this.#t;
    const place = placeOf('source_url', request.sourceUrl, request);
    readLocation(place, locations);
    requirePool('storage_hint', request.storageHint);
    const kind = request.format.toLowerCase();
    const format = kind === '' ? '' : oneOf('format', kind === 'vhd' ? 'vpc' : kind, IMAGE_FORMATS);
    const given = request.expectedChecksum;
    const sha256 = given === '' ? '' : readChecksum('expected_checksum', given, 'sha256').hex;
    const origin = hashOf([place.url, format]);
    const name =
      request.targetName === ''
        ? `imported-disk-${Math.floor(clock.now() / 1000)}`
        : checkName('target_name', request.targetName);
    const path = engine.transfer.importedPath(diskKey(name));
    const known = disks.get(name);
    if (known && (await isThere(path))) {
      const differs =
        known.origin !== origin || (request.verifyChecksum && sha256 !== '' && sha256 !== known.sha256);
      if (differs) throw fail(virtrigaudErrors.DISK_EXISTS, { name });
      return {
        diskId: name,
        path,
        task: undefined,
        actualSizeBytes: BigInt(known.bytes),
        checksum: known.sha256,
      };
    }
    // Its machine was made of it: the name is free again.
    await disks.remove(name);
    const work: ImportWork = { id: '', name, format, origin, sha256: request.verifyChecksum ? sha256 : '' };
    const wanted = { kind: 'import', subject: `disk ${name}`, request: work, secret: place };
    const { task, result } = await operations.done(wanted, context);
    const actualSizeBytes = BigInt(result['bytes'] ?? 0);
    return { diskId: name, path, task, actualSizeBytes, checksum: result['sha256'] ?? '' };
  }

  /** One that is there is not made again; it would be a surprise for those who use it if another came in its place. */
  async prepare(request: rpc.ImagePrepareRequest, context: RpcContext): Promise<rpc.ImagePrepareResponse> {
    const { operations, prepared, engine, images } = this.#t;
    const json = readObject('image_json', request.imageJson);
    if (!json) throw invalid('image_json', 'given', request.imageJson);
    const wish = readPreparation(json);
    const name = checkName('target_name', request.targetName);
    requirePool('storage_hint', request.storageHint);
    if (wish.kind === 'blank') throw invalid('image_json', 'given with a source', '');
    if (wish.kind === 'url' && !/^https?:$/.test(URL.parse(wish.url)?.protocol ?? ''))
      throw invalid(wish.field, 'an http or https URL', '(not one)');
    const path = engine.transfer.importedPath(imageKey(name));
    const answer = { preparedImageId: name, preparedImagePath: path };
    const { field: _, ...source } = wish;
    const origin = hashOf(source);
    const known = prepared.get(name);
    if (known && (await isThere(path))) {
      if (known.origin !== origin) throw fail(virtrigaudErrors.IMAGE_EXISTS, { name });
      return { ...answer, task: undefined };
    }
    if (wish.kind !== 'url') await images.local(wish);
    const work: ImageWork = { id: '', name, origin };
    const wanted = { kind: 'image', subject: `image ${name}`, request: work, secret: wish };
    return { ...answer, task: (await operations.done(wanted, context)).task };
  }

  async info(request: rpc.GetDiskInfoRequest): Promise<rpc.GetDiskInfoResponse> {
    const { engine } = this.#t;
    const { id, disk } = await this.#disk(request.vmId, request.diskId, request.snapshotId);
    const snapshots = await engine.snapshots.list(id);
    const taken = snapshots.find(({ name }) => name === request.snapshotId);
    const { birthtimeMs } = await stat(disk.path);
    return {
      ...{ diskId: disk.disk, format: disk.format, path: disk.path, isBootable: disk.bootable },
      ...{ virtualSizeBytes: BigInt(disk.virtualBytes), actualSizeBytes: BigInt(disk.actualBytes) },
      ...{ snapshots: [...disk.snapshots], backingFile: disk.base ?? '' },
      metadata: {
        created: new Date(birthtimeMs).toISOString(),
        ...(disk.readOnly ? { read_only: 'true' } : {}),
        ...(taken ? { snapshot_created: new Date(taken.createdAt).toISOString() } : {}),
        ...(taken?.description === undefined ? {} : { snapshot_description: taken.description }),
      },
    };
  }

  /** A disk by its name, its path, or none for the first. @throws VM_NOT_FOUND, DISK_NOT_FOUND, SNAPSHOT_NOT_FOUND */
  async #disk(
    vmId: string,
    diskId: string,
    snapshot: string,
  ): Promise<{ readonly id: string; readonly disk: DiskInfo }> {
    const { engine, vms } = this.#t;
    const { id } = await vms.require(vmId);
    const all = await engine.transfer.disks(id);
    const disk = all.find((one) => one.disk === (diskId || 'boot') || one.path === diskId);
    if (!disk) throw fail(virtrigaudErrors.DISK_NOT_FOUND, { id, disk: diskId });
    if (snapshot !== '' && !disk.snapshots.includes(snapshot))
      throw fail(virtrigaudErrors.SNAPSHOT_NOT_FOUND, { id, name: snapshot });
    return { id, disk };
  }
}

function placeOf(
  field: string,
  url: string,
  request: Pick<rpc.ExportDiskRequest, 'backendType' | 'transferMode' | 'storageOptionsJson' | 'credentials'>,
): LocationRequest {
  const { backendType, transferMode, storageOptionsJson, credentials } = request;
  return { field, url, backendType, transferMode, storageOptionsJson, credentials };
}

/** There is one place for disks. */
function requirePool(field: string, name: string): void {
  if (name !== '' && name !== 'default') throw fail(virtrigaudErrors.POOL_NOT_FOUND, { field, name });
}
