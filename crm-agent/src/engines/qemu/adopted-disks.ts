import { link, rm, stat } from 'node:fs/promises';
import { growIdle } from './disk-files.js';
import { inspectImage } from './images.js';
import type { VmSpec } from './spec.js';

/**
 * Makes an image's file a disk of a machine, under a second name until the machine is recorded; grown if the machine is to
 * have a larger one, and never smaller than the image is. @throws imageNotFound, imageInvalid
 */
export async function adoptDisk({ id, image, diskMib }: VmSpec, path: string): Promise<void> {
  const { virtualBytes } = await inspectImage(image);
  await link(image, path);
  const bytes = (diskMib ?? 0) * 1024 ** 2;
  if (bytes > virtualBytes) await growIdle(id, 'boot', path, bytes);
}

/** Removes the name that it had as an image. One with that name alone is another file, imported later. */
export async function forgetAdopted(image: string): Promise<void> {
  const file = await stat(image).catch(() => undefined);
  if (file && file.nlink > 1) await rm(image, { force: true });
}
