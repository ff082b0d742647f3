import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fail } from '@edgeplane/base';
import { qemuErrors } from './errors.js';
import { syncDirectory, temporaryName } from './files.js';
import { runImageTool } from './image-tool.js';
import { type BaseImage, imageInfo } from './images.js';

/** Long enough for a large disk on slow storage, milliseconds. */
const COPY_LIMIT_MS = 6 * 3600_000;

/** An empty layer over another. Appears under its name only when it is whole. */
export async function createOverlay(path: string, below: string): Promise<void> {
  const args = ['create', '-q', '-f', 'qcow2', '-b', below, '-F', 'qcow2'];
  await appearing(path, (part) => runImageTool([...args, part]));
}

/** A file of a disk, without what lies below it. */
export type DiskPart = Pick<BaseImage, 'path' | 'format'>;

/** Takes over into a layer that nobody has open whatever lies between it and `base`; then it lies on `base`. */
export async function mergeIdle(path: string, base: DiskPart | undefined): Promise<void> {
  const onto = base ? ['-b', base.path, '-F', base.format] : ['-b', ''];
  await runImageTool(['rebase', '-q', '-f', 'qcow2', ...onto, path], COPY_LIMIT_MS);
}

export interface CopyOptions {
  readonly from: { readonly path: string; readonly format: string };
  readonly format: string;
  /** Format options, such as `subformat=streamOptimized`. */
  readonly options?: readonly string[];
  readonly compress?: boolean;
  /** Ends it, without a trace. */
  readonly signal?: AbortSignal | undefined;
}

/** Copies what a file and all below it hold into one that stands by itself. */
export async function copyDisk(path: string, copy: CopyOptions): Promise<void> {
  const options = (copy.options ?? []).flatMap((option) => ['-o', option]);
  const args = ['convert', '-q', '-f', copy.from.format, '-O', copy.format];
  await appearing(path, (part) =>
    runImageTool(
      [...args, ...(copy.compress ? ['-c'] : []), ...options, copy.from.path, part],
      COPY_LIMIT_MS,
      copy.signal,
    ),
  );
}

/** @throws diskShrink when the disk is larger already */
export async function growIdle(id: string, disk: string, path: string, bytes: number): Promise<void> {
  const { virtualBytes } = await imageInfo(path, 'qcow2');
  if (bytes < virtualBytes) throw fail(qemuErrors.diskShrink, { id, disk, bytes, have: virtualBytes });
  if (bytes > virtualBytes) await runImageTool(['resize', '-q', '-f', 'qcow2', path, String(bytes)]);
}

/** A file that is made beside its place and moved there when it is whole and on disk. */
async function appearing(path: string, make: (part: string) => Promise<unknown>): Promise<void> {
  const part = temporaryName(path);
  try {
    await make(part);
    const file = await open(part, 'r');
    await file.sync().finally(() => file.close());
    await rename(part, path);
    await syncDirectory(dirname(path));
  } finally {
    await rm(part, { force: true });
  }
}
