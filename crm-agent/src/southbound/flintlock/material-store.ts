import { join } from 'node:path';
import { ImageFileCopies, type RootDisk, RootDisks } from '../../engines/image-files/index.js';
import type { VmSpec } from '../../engines/qemu/index.js';
import { guestVolumes } from './guest-volumes.js';
import type { ImageSource } from './image-source.js';
import type { Materials } from './machine-plan.js';
import type { MicrovmSpec, MicrovmVolume } from './model.js';

/** Kernels, initial RAM disks and disks that machines are made of, each made once and shared. */
export class MaterialStore {
  readonly #images: ImageSource;
  readonly #disks: RootDisks;
  readonly #files: ImageFileCopies;

  constructor(stateDir: string, images: ImageSource) {
    this.#images = images;
    this.#disks = new RootDisks(join(stateDir, 'disks'));
    this.#files = new ImageFileCopies(join(stateDir, 'kernels'));
  }

  async init(): Promise<void> {
    await this.#disks.init();
    await this.#files.init();
  }

  /**
   * Runs work that makes a machine of the materials; they stay at least as long as that. @param have disks that there are
   * already, in place of new ones
   */
  async use<T>(
    spec: MicrovmSpec,
    have: readonly string[] | undefined,
    signal: AbortSignal,
    work: (made: Materials) => Promise<T>,
  ): Promise<T> {
    const { kernel, initrd } = spec;
    return this.#file(kernel, signal, (kernelPath) => {
      const withDisks = (initrdPath?: string) => {
        const withAll = (disks: readonly string[]) =>
          work({ kernel: kernelPath, ...(initrdPath !== undefined && { initrd: initrdPath }), disks });
        return have ? withAll(have) : this.#withDisks(guestVolumes(spec), [], signal, withAll);
      };
      return initrd ? this.#file(initrd, signal, withDisks) : withDisks();
    });
  }

  /** Removes what none of these machines is made of. */
  async keepOnly(machines: readonly VmSpec[]): Promise<void> {
    const used = (paths: (spec: VmSpec) => (string | undefined)[]) =>
      new Set(machines.flatMap(paths).filter((path) => path !== undefined));
    await this.#disks.keepOnly(used((spec) => [spec.image, ...(spec.extraDisks ?? []).map((d) => d.image)]));
    await this.#files.keepOnly(used(({ kernel }) => [kernel?.path, kernel?.initrd]));
  }

  async #file<T>(
    { image, filename }: { readonly image: string; readonly filename: string },
    signal: AbortSignal,
    work: (path: string) => Promise<T>,
  ): Promise<T> {
    const id = await this.#images.idOf(image, signal);
    signal.throwIfAborted();
    return this.#files.use(this.#images, { image, id, file: filename }, work);
  }

  async #withDisks<T>(
    volumes: readonly MicrovmVolume[],
    paths: readonly string[],
    signal: AbortSignal,
    work: (paths: readonly string[]) => Promise<T>,
  ): Promise<T> {
    const volume = volumes[paths.length];
    if (!volume) return work(paths);
    const disk = await this.#diskOf(volume, signal);
    signal.throwIfAborted();
    return this.#disks.use(this.#images, disk, (path) =>
      this.#withDisks(volumes, [...paths, path], signal, work),
    );
  }

  async #diskOf(
    { id: name, image, sizeMib, partitionId }: MicrovmVolume,
    signal: AbortSignal,
  ): Promise<RootDisk> {
    const id = image === undefined ? undefined : await this.#images.idOf(image, signal);
    return {
      image: image ?? `(none, volume ${name})`,
      ...(id !== undefined && { id }),
      ...(sizeMib !== undefined && sizeMib > 0 && { sizeMib }),
      ...(partitionId && { partitionId }),
    };
  }
}
