import { join } from 'node:path';
import type { Clock, Logger } from '@edgeplane/base';
import { readProcessorKhz } from '../process/index.js';
import { type Accelerator, probeAccelerator } from './accelerator.js';
import { LoopbackGuard } from './loopback-guard.js';
import type { AcceleratorName, HostTraits } from './machine-args.js';

export interface HostFactsOptions {
  /** What was found out is kept here. */
  readonly stateDir: string;
  /** `auto`: find out by running a guest. */
  readonly accelerator: AcceleratorName | 'auto';
  readonly command: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What machines get from the host. */
export class HostFacts {
  readonly #o: HostFactsOptions;
  readonly #guard: LoopbackGuard;
  #accelerator: Promise<Accelerator> | undefined;

  constructor(options: HostFactsOptions) {
    this.#o = options;
    this.#guard = new LoopbackGuard(options.logger);
  }

  /** Which accelerator machines get, and why; found out once. */
  accelerator(): Promise<Accelerator> {
    this.#accelerator ??= this.#choose().catch((error: unknown) => {
      this.#accelerator = undefined;
      throw error;
    });
    return this.#accelerator;
  }

  /** For a machine that is about to start: what guards the host from its guest is in place then. */
  async traits(): Promise<HostTraits> {
    const [{ name }, processorKhz, guestGid] = await Promise.all([
      this.accelerator(),
      readProcessorKhz(),
      this.#guard.group(),
    ]);
    return {
      accelerator: name,
      ...(processorKhz === undefined ? {} : { processorKhz }),
      ...(guestGid === undefined ? {} : { guestGid }),
    };
  }

  async #choose(): Promise<Accelerator> {
    const { accelerator, clock, logger, stateDir, command } = this.#o;
    if (accelerator !== 'auto') return { name: accelerator, reason: 'configured' };
    return probeAccelerator({ clock, logger, stateFile: join(stateDir, 'accelerator.json'), command });
  }
}
