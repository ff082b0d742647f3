import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { fail, isDiskFull, messageOf } from '@edgeplane/base';
import {
  credentialsFor,
  fullName,
  httpsGet,
  type PodmanEngine,
  registryBytes,
} from '../engines/podman/index.js';
import { agentErrors } from '../errors.js';
import { findArchive, imageArchiveName } from './image-files.js';

/** Whoever wants an image, and waits for it. */
export interface ImageWait {
  readonly signal: AbortSignal;
  /** Told what happens, for people. */
  readonly progress: (text: string) => void;
}

/** What of podman brings images. */
type LocalImages = Pick<PodmanEngine, 'ensureImage' | 'client'>;

/** Where images of a site are looked for, beside archives that are named by path. */
export interface ImagePlaces {
  /** Folder of archives; empty when there is none. */
  readonly imageDir: string;
  /** File with credentials of registries; empty when there is none. */
  readonly registryAuth: string;
  /**
   * Whether the registry is asked: `absent` when the image is found nowhere else, `always` also when it is here (but names
   * of `localhost/`, which no registry has), `never`. Default absent.
   */
  readonly pull?: 'absent' | 'always' | 'never';
}

/**
 * Brings the image of a container into local storage and returns a name that finds it there. In this order: an archive
 * named by path or file:// URL, local storage, the image directory, the registry.
 * @throws EdgeplaneError naming the image and where it was looked for.
 */
export async function prepareImage(
  engine: LocalImages,
  image: string,
  { imageDir, registryAuth, pull = 'absent' }: ImagePlaces,
  { signal, progress }: ImageWait,
): Promise<string> {
  const archive = archivePath(image);
  if (archive !== undefined) {
    progress(`loading image ${archive}`);
    return (await engine.ensureImage(archive, { signal })).id;
  }
  const name = fullName(image.replace(/^docker:\/\//, ''));
  const refresh = pull === 'always' && !name.startsWith('localhost/');
  if (!refresh && (await isLocal(engine, name, signal))) return name;
  const file = await findArchive(image, imageDir);
  if (file !== undefined) {
    progress(`loading image ${file}`);
    const loaded = await engine.ensureImage(`docker-archive:${file}`, { signal });
    return (await isLocal(engine, name, signal)) ? name : loaded.id;
  }
  const directory =
    imageDir === '' ? 'no --image-dir is set' : `${imageDir}/${imageArchiveName(image)} is not there`;
  const notFound = (registry: string, cause?: unknown) => {
    const places = `local storage, the image directory (${directory}) and the registry (${registry})`;
    return fail(agentErrors.IMAGE_NOT_FOUND, { image, places }, { cause });
  };
  if (pull === 'never') throw notFound('which is not to be asked: not found');
  progress(`pulling image ${name}`);
  try {
    const auth = registryAuth === '' ? undefined : await credentialsFor(registryAuth, name);
    return (await engine.ensureImage(name, { signal, refresh, ...(auth ? { auth } : {}) })).ref;
  } catch (error) {
    signal.throwIfAborted();
    if (isDiskFull(error)) throw error;
    throw notFound(messageOf(error), error);
  }
}

/** An archive is copied before it is unpacked. */
const ARCHIVE_COPIES = 2;
/** What a registry sends lies beside what it unpacks to, which is about twice as much. */
const REGISTRY_COPIES = 3;

/** Room that the image is going to take, bytes; 0 when it is here, or nobody knows before it is fetched. */
export async function imageRoom(
  engine: LocalImages,
  image: string,
  { imageDir, registryAuth }: ImagePlaces,
  signal: AbortSignal,
): Promise<number> {
  const archive = archivePath(image)?.replace(/^(docker-archive|oci-archive):/, '');
  const name = fullName(image.replace(/^docker:\/\//, ''));
  if (archive === undefined && (await isLocal(engine, name, signal))) return 0;
  const file = archive ?? (await findArchive(image, imageDir));
  if (file === undefined) return (await sizeAtRegistry(name, registryAuth)) * REGISTRY_COPIES;
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  return size * ARCHIVE_COPIES;
}

async function sizeAtRegistry(name: string, registryAuth: string): Promise<number> {
  if (name.startsWith('localhost/')) return 0;
  // What is wrong with the file is said by the pull.
  const auth =
    registryAuth === '' ? undefined : await credentialsFor(registryAuth, name).catch(() => undefined);
  return (await registryBytes(name, auth, httpsGet)) ?? 0;
}

/** Paths and file:// URLs are archives; so is what says so itself. */
function archivePath(image: string): string | undefined {
  if (/^(docker-archive|oci-archive|oci):/.test(image)) return image;
  if (image.startsWith('/')) return `docker-archive:${image}`;
  if (image.startsWith('file://')) return `docker-archive:${fileURLToPath(image)}`;
  return undefined;
}

async function isLocal(engine: LocalImages, name: string, signal: AbortSignal): Promise<boolean> {
  return engine.client.images.exists(name, { signal });
}
