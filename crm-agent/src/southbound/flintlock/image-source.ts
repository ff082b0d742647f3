import { realpath } from 'node:fs/promises';
import { sep } from 'node:path';
import { type Clock, fail, type Logger, messageOf } from '@edgeplane/base';
import {
  credentialsFor,
  fullName,
  PodmanEngine,
  type PodmanEngineOptions,
} from '../../engines/podman/index.js';
import { prepareImage } from '../../site/container-images.js';
import { findArchive } from '../../site/image-files.js';
import { flintlockErrors } from './errors.js';

/** Container images, as microVMs use them. */
export interface ImageSource {
  /** Makes ready; called in the background, and again by whoever finds it is not. */
  open(signal: AbortSignal): Promise<void>;
  /** Id in local storage of the image of a reference, brought there when it is not. */
  idOf(reference: string, signal: AbortSignal): Promise<string>;
  withImageFiles<T>(id: string, work: (folder: string) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface ImageSourceOptions {
  /** Marks what podman makes. */
  readonly owner: string;
  readonly stateDir: string;
  readonly imageDir: string;
  readonly registryAuth: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default: a podman of the door's own. */
  readonly openPodman?: (options: PodmanEngineOptions) => Promise<Podman>;
}

/** What of podman is used. */
export type Podman = Pick<PodmanEngine, 'ensureImage' | 'withImageFiles' | 'recover' | 'shutdown' | 'client'>;

/** A tag that was asked for again within this time is what it was, milliseconds. */
const FRESH_MS = 30_000;
/** So is one whose registry did not answer, for this long: a site has to do without. */
const UNHEARD_MS = 600_000;

/** Images through a podman of the door's own, which is started when first needed: creating needs it, running does not. */
export class PodmanImages implements ImageSource {
  readonly #o: ImageSourceOptions;
  /** Until when a tag is taken for what it is, monotonic. */
  readonly #freshUntil = new Map<string, number>();
  #engine: Promise<Podman> | undefined;
  #closed = false;

  constructor(options: ImageSourceOptions) {
    this.#o = options;
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#open(signal);
  }

  /** @throws IMAGE_PATH, or what the engine says of the image */
  async idOf(reference: string, signal: AbortSignal): Promise<string> {
    await this.#checkPath(reference);
    const engine = await this.#open(signal);
    const { imageDir, registryAuth, logger } = this.#o;
    const progress = (text: string) => logger.info({ image: reference }, text);
    const name = await prepareImage(engine, reference, { imageDir, registryAuth }, { signal, progress });
    await this.#refresh(engine, name, reference, signal);
    return (await engine.ensureImage(name, { signal })).id;
  }

  async withImageFiles<T>(id: string, work: (folder: string) => Promise<T>): Promise<T> {
    return (await this.#open()).withImageFiles(id, work);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const engine = await this.#engine?.catch(() => undefined);
    // It has images and no containers: what it shares with others of the host is given back.
    await engine?.shutdown();
  }

  #open(signal?: AbortSignal): Promise<Podman> {
    if (this.#closed) throw fail(flintlockErrors.STOPPING);
    this.#engine ??= this.#start(signal).catch((error: unknown) => {
      this.#engine = undefined;
      throw error;
    });
    return this.#engine;
  }

  async #start(signal?: AbortSignal): Promise<Podman> {
    const { openPodman = PodmanEngine.open, ...options } = this.#o;
    const engine = await openPodman({ ...options, ...(signal && { signal }) });
    // Images whose files a crash left shown.
    await engine.recover();
    return engine;
  }

  /** Files of the host are none of a caller's business, but for those of the image directory. @throws IMAGE_PATH */
  async #checkPath(reference: string): Promise<void> {
    const path = /^(?:docker-archive|oci-archive|oci):(.*)$/.exec(reference)?.[1] ?? reference;
    if (path === reference && !/^([/.]|file:)/.test(reference)) return;
    const inside = async (dir: string) => (await realpath(path)).startsWith((await realpath(dir)) + sep);
    const { imageDir } = this.#o;
    if (imageDir === '' || !(await inside(imageDir).catch(() => false)))
      throw fail(flintlockErrors.IMAGE_PATH, { image: reference });
  }

  /**
   * Tags move: one of a registry is compared with it for each microVM that is made, as flintlock does. What is in the image
   * directory comes from there.
   */
  async #refresh(engine: Podman, name: string, reference: string, signal: AbortSignal): Promise<void> {
    const { registryAuth, imageDir, clock, logger } = this.#o;
    const moves = name === fullName(name) && !name.includes('@') && !name.startsWith('localhost/');
    const until = this.#freshUntil.get(name) ?? Number.NEGATIVE_INFINITY;
    if (!moves || clock.monotonic() < until || (await findArchive(reference, imageDir)) !== undefined) return;
    this.#freshUntil.set(name, clock.monotonic() + FRESH_MS);
    try {
      const auth = registryAuth === '' ? undefined : await credentialsFor(registryAuth, name);
      await engine.ensureImage(name, { signal, refresh: true, ...(auth && { auth }) });
    } catch (error) {
      signal.throwIfAborted();
      this.#freshUntil.set(name, clock.monotonic() + UNHEARD_MS);
      logger.warn({ image: name, reason: messageOf(error) }, 'The image that is here is used');
    }
  }
}
