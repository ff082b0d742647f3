import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { EdgeplaneError, fail, isKind, messageOf } from '@edgeplane/base';
import type { PodmanClient } from './client.js';
import type { RegistryAuth } from './client-images.js';
import { podmanErrors } from './errors.js';
import type { CallOptions } from './http.js';
import { parseImageRef } from './image-ref.js';
import { type PullWatchOptions, watchPull } from './pull-watch.js';

export interface EnsureImageOptions extends CallOptions {
  readonly auth?: RegistryAuth;
  /** Ask the registry although an image of that name is here. */
  readonly refresh?: boolean;
}

export interface LocalImage {
  readonly id: string;
  /** A name that finds it in local storage. */
  readonly ref: string;
}

/** Brings images into local storage. */
export class Images {
  readonly #client: PodmanClient;
  readonly #watch: PullWatchOptions | undefined;
  /** Archives loaded by this object: path and file identity to image. A hint only, checked before use. */
  readonly #loaded = new Map<string, LocalImage>();

  /** @param watch how it is seen that a registry has ceased to send; without, only the limit of a pull counts */
  constructor(client: PodmanClient, watch?: PullWatchOptions) {
    this.#client = client;
    this.#watch = watch;
  }

  async ensure(ref: string, options: EnsureImageOptions = {}): Promise<LocalImage> {
    const { auth, refresh, ...call } = options;
    const source = parseImageRef(ref);
    if (source.kind === 'archive' || source.kind === 'layout') {
      return this.#load(source.path, source.kind === 'layout', call);
    }
    const local = refresh && source.kind === 'registry' ? undefined : await this.find(source.ref, call);
    if (local) return local;
    if (source.ref.startsWith('localhost/'))
      throw missing(source.ref, 'it is not in local storage, and no registry has localhost names');
    try {
      await this.#pull(source.ref, call, auth);
    } catch (error) {
      if (error instanceof EdgeplaneError && error.code !== podmanErrors.PODMAN_FAILED.code) throw error;
      throw missing(source.ref, messageOf(error), error);
    }
    const image = await this.find(source.ref, call);
    if (!image) throw missing(source.ref, 'the registry gave an image of another name');
    return image;
  }

  async #pull(ref: string, call: CallOptions, auth: RegistryAuth | undefined): Promise<void> {
    const options = { ...call, ...(auth === undefined ? {} : { auth }) };
    const pull = (signal: AbortSignal | undefined) =>
      this.#client.images.pull(ref, { ...options, ...(signal ? { signal } : {}) });
    if (!this.#watch) await pull(call.signal);
    else
      await watchPull(this.#watch, call.signal, pull, (seconds) =>
        fail(podmanErrors.PODMAN_PULL_STALLED, { image: ref, seconds }),
      );
  }

  /** The image of that name or id in local storage. */
  async find(ref: string, options: CallOptions = {}): Promise<LocalImage | undefined> {
    try {
      return { id: (await this.#client.images.inspect(ref, options)).Id, ref };
    } catch (error) {
      if (isKind(error, podmanErrors.PODMAN_IMAGE_MISSING) || isKind(error, podmanErrors.PODMAN_NOT_FOUND))
        return undefined;
      throw error;
    }
  }

  async #load(path: string, isLayout: boolean, options: CallOptions): Promise<LocalImage> {
    const badArchive = (error: unknown) =>
      fail(podmanErrors.PODMAN_IMAGE_ARCHIVE, { path, reason: messageOf(error) }, { cause: error });
    const info = await stat(path).catch((error: unknown) => {
      throw badArchive(error);
    });
    const key = `${path} ${info.ino} ${info.size} ${info.mtimeMs}`;
    const known = isLayout ? undefined : this.#loaded.get(key);
    if (known && (await this.#client.images.exists(known.id, options))) return known;
    let names: readonly string[];
    try {
      names = await this.#client.images.load(isLayout ? packedLayout(path) : createReadStream(path), options);
    } catch (error) {
      if (error instanceof EdgeplaneError && error.code !== podmanErrors.PODMAN_FAILED.code) throw error;
      throw badArchive(error);
    }
    const [ref] = names;
    if (ref === undefined) throw badArchive(new Error('it names no image'));
    const image = { id: (await this.#client.images.inspect(ref, options)).Id, ref };
    this.#loaded.set(key, image);
    return image;
  }
}

const missing = (image: string, reason: string, cause?: unknown) =>
  fail(podmanErrors.PODMAN_IMAGE_MISSING, { image, reason }, { cause });

/** An OCI layout directory as the archive the load call takes. */
function packedLayout(dir: string): Readable {
  const tar = spawn('tar', ['-C', dir, '-cf', '-', '.'], { stdio: ['ignore', 'pipe', 'ignore'] });
  tar.once('error', (error) => tar.stdout.destroy(error));
  tar.stdout.once('close', () => tar.kill());
  return tar.stdout;
}
