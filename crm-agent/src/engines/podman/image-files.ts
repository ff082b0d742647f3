import { fail } from '@edgeplane/base';
import { lastLine, runCommand } from './commands.js';
import { podmanErrors } from './errors.js';
import type { PodmanLayout } from './layout.js';
import { globalFlags, type PodmanSettings, podmanEnv } from './settings.js';

/** The files of images, shown as folders. Podman counts who looks; what a crash left shown is hidden by `hideAll`. */
export class ImageFiles {
  readonly #layout: PodmanLayout;
  readonly #settings: PodmanSettings;

  constructor(layout: PodmanLayout, settings: PodmanSettings) {
    this.#layout = layout;
    this.#settings = settings;
  }

  /** Runs the work on the folder of an image, which is for reading only. */
  async with<T>(id: string, work: (folder: string) => Promise<T>): Promise<T> {
    const folder = (await this.#podman('show the files of', id, ['mount', id])).trim();
    try {
      return await work(folder);
    } finally {
      await this.#podman('hide the files of', id, ['umount', id]);
    }
  }

  async hideAll(): Promise<void> {
    await this.#podman('hide the files of', 'all images', ['umount', '--all']);
  }

  async #podman(verb: string, image: string, args: readonly string[]): Promise<string> {
    const flags = globalFlags(this.#layout, this.#settings);
    const options = { env: podmanEnv(this.#layout), cwd: this.#layout.stateDir };
    const { code, stdout, stderr } = await runCommand('podman', [...flags, 'image', ...args], options);
    if (code === 0) return stdout;
    throw fail(podmanErrors.PODMAN_FAILED, { action: `${verb} ${image}`, reason: lastLine(stderr) });
  }
}
