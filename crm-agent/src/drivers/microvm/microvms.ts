import { RootDisks } from '../../engines/image-files/index.js';
import type { Operation } from '../driver.js';
import type { ContainerHost } from '../local/containers.js';
import type { MachineHost } from '../local/machines.js';
import { findKernel } from './kernel-files.js';
import { type MicrovmPlan, microvmSpec } from './microvm-plan.js';
import { programOf } from './program.js';

export interface MicrovmsOptions {
  /** Folder of the disks that machines begin from. */
  readonly rootDir: string;
  readonly imageDir: string;
  readonly containers: ContainerHost;
  readonly machines: MachineHost;
}

/**
 * Container images as virtual machines: podman brings an image, its files become a disk, and QEMU boots our kernel with an
 * init that runs the image's program from it.
 */
export class Microvms {
  readonly #o: MicrovmsOptions;
  readonly #disks: RootDisks;

  constructor(options: MicrovmsOptions) {
    this.#o = options;
    this.#disks = new RootDisks(options.rootDir);
  }

  async init(): Promise<void> {
    await this.#disks.init();
  }

  get available(): boolean {
    return this.#o.containers.available && this.#o.machines.available;
  }

  /** Makes the machine be what the plan says, and run. */
  async run(plan: MicrovmPlan, operation: Operation): Promise<void> {
    const { containers, machines, imageDir } = this.#o;
    const kernel = await findKernel(imageDir);
    const { id, config } = await containers.image(plan.image, operation);
    const program = programOf(plan.image, config, plan.command, plan.env);
    operation.progress(`making a disk of image ${plan.image}`);
    operation.signal.throwIfAborted();
    const disk = { image: plan.image, id, sizeMib: plan.diskMib };
    await this.#disks.use(containers, disk, async (root) => {
      operation.progress(`starting microVM ${plan.name}`);
      operation.signal.throwIfAborted();
      await machines.run(microvmSpec(plan, program, root, kernel));
    });
  }

  /** Removes the machine, and disks that no machine begins from any more. */
  async remove(name: string): Promise<void> {
    await this.#o.machines.remove(name);
    await this.prune();
  }

  async prune(): Promise<void> {
    await this.#disks.keepOnly(new Set(await this.#o.machines.images()));
  }
}
