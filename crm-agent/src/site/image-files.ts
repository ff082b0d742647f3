import { access, constants } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { fail } from '@edgeplane/base';
import { agentErrors } from '../errors.js';

/** File of a container image in an image directory: the reference with `/` and `:` replaced. */
export function imageArchiveName(reference: string): string {
  return `${reference.replace(/[/:]/g, '_')}.tar`;
}

/** True when the image is named by file or URL and not by a name to be looked up. */
export function isFileOrUrl(image: string): boolean {
  return isAbsolute(image) || /^(file|https?):\/\//i.test(image);
}

/**
 * The image of a virtual machine as the engine takes it: paths and URLs as they are, other names from the image
 * directory, with or without `.qcow2`.
 * @throws IMAGE_NOT_FOUND naming the image and every place it was looked for.
 */
export async function findVmImage(image: string, imageDir: string): Promise<string> {
  if (isFileOrUrl(image)) return image;
  if (imageDir === '')
    throw fail(agentErrors.IMAGE_NOT_FOUND, { image, places: 'nothing, as no --image-dir is set' });
  const places = [image, `${image}.qcow2`].map((name) => resolve(join(imageDir, name)));
  if (places.some((place) => relative(imageDir, place).startsWith('..')))
    throw fail(agentErrors.IMAGE_OUTSIDE, { image });
  for (const place of places) if (await isReadable(place)) return place;
  throw fail(agentErrors.IMAGE_NOT_FOUND, { image, places: places.join(' and ') });
}

/** The archive of a container image in the image directory; undefined when there is none. */
export async function findArchive(reference: string, imageDir: string): Promise<string | undefined> {
  if (imageDir === '') return undefined;
  const path = join(imageDir, imageArchiveName(reference));
  return (await isReadable(path)) ? path : undefined;
}

async function isReadable(path: string): Promise<boolean> {
  try {
    await access(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
