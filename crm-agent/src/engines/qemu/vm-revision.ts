import { fail } from '@edgeplane/base';
import { seedImage } from './cloud-init.js';
import { qemuErrors } from './errors.js';
import { writeDurably } from './files.js';
import { checkSpec, type VmSpec } from './spec.js';
import type { VmDisks } from './vm-disks.js';
import type { VmTable } from './vm-table.js';

/** Changes what machines are beside their disks, while they are off. */
export class VmRevision {
  readonly #table: VmTable;
  readonly #disks: VmDisks;

  constructor(table: VmTable, disks: VmDisks) {
    this.#table = table;
    this.#disks = disks;
  }

  /**
   * Makes a machine be what `spec` says from its next start on. Its disks stay: those of `spec` must be the same. What it is
   * to tell its guest is written anew. Repeating it changes nothing.
   * @throws vmNotFound, vmRuns, vmExists naming the disks when they are others
   */
  async revise(spec: VmSpec): Promise<void> {
    checkSpec(spec);
    await this.#table.turn(spec.id, async (dir) => {
      const record = await this.#disks.settle(dir);
      const running = await this.#table.running(spec.id).catch(() => undefined);
      if (running) throw fail(qemuErrors.vmRuns, { id: spec.id });
      for (const field of ['image', 'diskMib', 'extraDisks'] as const)
        if (JSON.stringify(spec[field]) !== JSON.stringify(record.spec[field]))
          throw fail(qemuErrors.vmExists, { id: spec.id, field });
      // The record last: as long as it is the old one this is repeated.
      if (spec.cloudInit) await writeDurably(dir.seed, seedImage(spec.cloudInit));
      await dir.writeRecord({ ...record, spec });
    });
  }
}
