import { fileURLToPath } from 'node:url';
import { fail, messageOf } from '@edgeplane/base';
import { fullName, type PodmanEngine } from '../../engines/podman/index.js';
import type { Operation } from '../driver.js';
import { localErrors } from './errors.js';
import { findArchive, imageArchiveName } from './image-files.js';

/**
 * Brings the image of a container into local storage and returns a name that finds it there. In this order: an archive
 * named by path or file:// URL, local storage, the image directory, the registry.
 * @throws EdgeplaneError naming the image and where it was looked for.
 */
export async function prepareImage(
  engine: PodmanEngine,
  image: string,
  imageDir: string,
  { signal, progress }: Operation,
): Promise<string> {
  const archive = archivePath(image);
  if (archive !== undefined) {
    progress(`loading image ${archive}`);
    return (await engine.ensureImage(archive, { signal })).id;
  }
  const name = fullName(image.replace(/^docker:\/\//, ''));
  if (await isLocal(engine, name, signal)) return name;
  const file = await findArchive(image, imageDir);
  if (file !== undefined) {
    progress(`loading image ${file}`);
    const loaded = await engine.ensureImage(`docker-archive:${file}`, { signal });
    return (await isLocal(engine, name, signal)) ? name : loaded.id;
  }
  progress(`pulling image ${name}`);
  try {
    return (await engine.ensureImage(name, { signal })).ref;
  } catch (error) {
    signal.throwIfAborted();
    const directory =
      imageDir === '' ? 'no --image-dir is set' : `${imageDir}/${imageArchiveName(image)} is not there`;
    const places = `local storage, the image directory (${directory}) and the registry (${messageOf(error)})`;
    throw fail(localErrors.IMAGE_NOT_FOUND, { image, places }, { cause: error });
  }
}

/** Paths and file:// URLs are archives; so is what says so itself. */
function archivePath(image: string): string | undefined {
  if (/^(docker-archive|oci-archive|oci):/.test(image)) return image;
  if (image.startsWith('/')) return `docker-archive:${image}`;
  if (image.startsWith('file://')) return `docker-archive:${fileURLToPath(image)}`;
  return undefined;
}

async function isLocal(engine: PodmanEngine, name: string, signal: AbortSignal): Promise<boolean> {
  return engine.client.images.exists(name, { signal });
}
