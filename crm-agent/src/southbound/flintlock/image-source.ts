import { realpath } from 'node:fs/promises';
import { sep } from 'node:path';
import { type Clock, fail, type Logger, messageOf } from '@edgeplane/base';
import { credentialsFor, fullName, PodmanEngine } from '../../engines/podman/index.js';
import { prepareImage } from '../../site/container-images.js';
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
}

/** A tag that was asked for again within this time is what it was, milliseconds. */
const FRESH_MS = 30_000;

/** Images through a podman of the door's own, which is started when first needed: creating needs it, running does not. */
export class PodmanImages implements ImageSource {
  readonly #o: ImageSourceOptions;
  /** When a tag was last compared with its registry, monotonic. */
  readonly #refreshed = new Map<string, number>();
  #engine: Promise<PodmanEngine> | undefined;
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
    await this.#refresh(engine, name, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      logger.warn({ image: name, reason: messageOf(error) }, 'The image that is here is used');
    });
    return (await engine.ensureImage(name, { signal })).id;
  }

  async withImageFiles<T>(id: string, work: (folder: string) => Promise<T>): Promise<T> {
    return (await this.#open()).withImageFiles(id, work);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const engine = await this.#engine?.catch(() => undefined);
    await engine?.stop();
  }

  #open(signal?: AbortSignal): Promise<PodmanEngine> {
    if (this.#closed) throw fail(flintlockErrors.STOPPING);
    this.#engine ??= this.#start(signal).catch((error: unknown) => {
      this.#engine = undefined;
      throw error;
    });
    return this.#engine;
  }

  async #start(signal?: AbortSignal): Promise<PodmanEngine> {
    const engine = await PodmanEngine.open({ ...this.#o, ...(signal && { signal }) });
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

  /** Tags move: one of a registry is compared with it for each microVM that is made, as flintlock does. */
  async #refresh(engine: PodmanEngine, name: string, signal: AbortSignal): Promise<void> {
    const moves = name === fullName(name) && !name.includes('@') && !name.startsWith('localhost/');
    const now = this.#o.clock.monotonic();
    if (!moves || now - (this.#refreshed.get(name) ?? Number.NEGATIVE_INFINITY) < FRESH_MS) return;
    this.#refreshed.set(name, now);
    const { registryAuth } = this.#o;
    const auth = registryAuth === '' ? undefined : await credentialsFor(registryAuth, name);
    await engine.ensureImage(name, { signal, refresh: true, ...(auth && { auth }) });
  }
}
