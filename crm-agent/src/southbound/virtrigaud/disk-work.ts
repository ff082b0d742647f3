import { lstat, mkdir, readdir, realpath, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fail } from '@edgeplane/base';
import type { OperationLog, RunContext, Success } from '../work/index.js';
import { virtrigaudErrors } from './errors.js';
import { HttpClient, requireSuccess } from './http-client.js';
import { diskKey, imageKey, mismatch } from './image-library.js';
import type { ImageFormat, ImageWish } from './image-wish.js';
import { type Location, type LocationRequest, readLocation } from './locations.js';
import { putObject } from './s3.js';
import { runnerOf, type WorkTools } from './work-tools.js';

export const EXPORT_FORMATS = ['qcow2', 'raw', 'vmdk'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** What the records of transfers hold; addresses and keys come beside them. */
export interface ExportWork {
  readonly id: string;
  readonly disk: string;
  readonly snapshot: string;
  readonly format: ExportFormat;
  readonly compress: boolean;
  /** Hash of the whole destination. */
  readonly to: string;
}

export interface ImportWork {
  /** No machine is touched. */
  readonly id: '';
  readonly name: string;
  readonly format: ImageFormat | '';
  /** Empty: whatever comes. */
  readonly sha256: string;
  /** Hash of the whole source. */
  readonly origin: string;
}

export interface ImageWork {
  readonly id: '';
  readonly name: string;
  readonly origin: string;
}

/** Registers what brings disks in and out. */
export function registerDiskWork(log: OperationLog, tools: WorkTools): void {
  log.register(
    'export',
    runnerOf<ExportWork>(tools, 'long', (work, context) => exportDisk(tools, work, context)),
  );
  log.register(
    'import',
    runnerOf<ImportWork>(tools, 'long', (work, context) => importDisk(tools, work, context)),
  );
  log.register(
    'image',
    runnerOf<ImageWork>(tools, 'long', (work, context) => prepareImage(tools, work, context)),
  );
}

/** The place of a transfer, from what came beside its record. */
async function locationOf(
  tools: WorkTools,
  context: RunContext,
): Promise<{ location: Location; field: string }> {
  const request = JSON.parse(await context.secret()) as LocationRequest;
  return { location: readLocation(request, tools.locations), field: request.field };
}

async function exportDisk(tools: WorkTools, work: ExportWork, context: RunContext): Promise<Success> {
  const { engine, fetcher, guard, clock } = tools;
  const { location, field } = await locationOf(tools, context);
  const { signal } = context;
  const { disk, snapshot, format, compress } = work;
  const copy = async (path: string) =>
    engine.transfer.exportDisk(work.id, {
      ...{ disk, path, format, signal, compress: compress && format !== 'raw' },
      ...(snapshot === '' ? {} : { snapshot }),
    });
  const done = ({ bytes, sha256 }: { readonly bytes: number; readonly sha256: string }): Success => ({
    message: `exported ${bytes} bytes`,
    result: { bytes: String(bytes), sha256 },
  });
  await context.step('copy');
  if (location.kind === 'file') {
    await clearParts(location.path);
    await requireFolder(field, location);
    return done(await copy(location.path));
  }
  const path = fetcher.stagingPath(`.${format}`);
  try {
    const file = await copy(path);
    await context.step('send');
    const sent = (bytes: number) => context.progress(Math.floor((bytes / Math.max(1, file.bytes)) * 1000));
    const http = new HttpClient(guard, field);
    if (location.kind === 's3') await putObject(http, clock, location.object, file, signal, sent);
    else {
      const { url, headers } = location;
      const body = { path, start: 0, bytes: file.bytes };
      const type = { 'content-type': 'application/octet-stream' };
      const answer = await http.call({
        method: 'PUT',
        url,
        headers: { ...headers, ...type },
        body,
        signal,
        sent,
      });
      (await requireSuccess(url, answer)).resume();
    }
    return done(file);
  } finally {
    await rm(path, { force: true });
  }
}

/** Makes the folders of a file, none of which may be a link out of the root. @throws IMAGE_OUTSIDE, SOURCE_NOT_FOUND */
async function requireFolder(field: string, { root, path }: Location & { kind: 'file' }): Promise<void> {
  const realRoot = await realpath(root).catch(() => {
    throw fail(virtrigaudErrors.SOURCE_NOT_FOUND, { url: root });
  });
  // From above, so that nothing is made beyond a link.
  const folders = dirname(path).slice(root.length).split('/').filter(Boolean);
  let at = realRoot;
  for (const folder of folders) {
    at = join(at, folder);
    await mkdir(at, { mode: 0o750 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    if (!(await lstat(at)).isDirectory())
      throw fail(virtrigaudErrors.IMAGE_OUTSIDE, { field, path, folders: root });
  }
  const there = await lstat(path).catch(() => undefined);
  if (there && !there.isFile()) throw fail(virtrigaudErrors.IMAGE_OUTSIDE, { field, path, folders: root });
}

/** Removes what an export that was broken off left beside its file. */
async function clearParts(path: string): Promise<void> {
  const [folder, name] = [dirname(path), basename(path)];
  for (const other of await readdir(folder).catch(() => []))
    if (other.startsWith(`${name}.`) && /^[0-9a-f]{8}\.part$/.test(other.slice(name.length + 1)))
      await rm(join(folder, other), { force: true });
}

async function importDisk(tools: WorkTools, work: ImportWork, context: RunContext): Promise<Success> {
  const { engine, fetcher, disks } = tools;
  // What an earlier life did not come to note.
  if (!disks.get(work.name)) await engine.transfer.removeImported(diskKey(work.name));
  const { location, field } = await locationOf(tools, context);
  const { signal } = context;
  const received = (bytes: number, of: number) => of > 0 && context.progress(Math.floor((bytes / of) * 1000));
  await context.step('fetch');
  const request = {
    location,
    algorithm: 'sha256',
    field,
    signal,
    received: (b: number, of: number) => void received(b, of),
  } as const;
  const { path, sha256 } = await fetcher.fetched(request, async (file) => {
    if (work.sha256 !== '' && file.sha256 !== work.sha256)
      throw mismatch(field, 'sha256', file.sha256, work.sha256);
    await context.step('convert');
    const format = work.format === '' ? {} : { format: work.format };
    const image = await engine.transfer.importDisk({
      name: diskKey(work.name),
      path: file.path,
      signal,
      ...format,
    });
    return { path: image.path, sha256: file.sha256 };
  });
  const bytes = (await stat(path)).blocks * 512;
  await disks.set({ name: work.name, origin: work.origin, sha256, bytes });
  return { message: `imported ${bytes} bytes`, result: { bytes: String(bytes), sha256 } };
}

async function prepareImage(tools: WorkTools, work: ImageWork, context: RunContext): Promise<Success> {
  const wish = JSON.parse(await context.secret()) as ImageWish & { kind: 'url' | 'path' | 'template' };
  if (!tools.prepared.get(work.name)) await tools.engine.transfer.removeImported(imageKey(work.name));
  await context.step('fetch');
  await tools.images.bring(imageKey(work.name), wish, context.signal);
  await tools.prepared.set({
    name: work.name,
    origin: work.origin,
    sha256: wish.checksum?.hex ?? '',
    bytes: 0,
  });
  return { message: 'image prepared' };
}
