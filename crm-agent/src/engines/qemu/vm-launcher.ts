import { open } from 'node:fs/promises';
import { fail, messageOf } from '@edgeplane/base';
import { qemuErrors } from './errors.js';
import { lastError } from './exit-reason.js';
import { readTail } from './files.js';
import type { Snapshot } from './layers.js';
import type { HostTraits } from './machine-args.js';
import { migrated } from './memory-state.js';
import type { VmSpec } from './spec.js';
import { startVm, stopVm } from './vm.js';
import type { VmDir } from './vm-dir.js';
import type { VmRecord } from './vm-record.js';
import type { VmTable } from './vm-table.js';

/** Starts processes of machines, cold or where a snapshot was taken. Within the machine's turn. */
export class VmLauncher {
  readonly #table: VmTable;
  readonly #host: () => Promise<HostTraits>;
  readonly #attend: (id: string, spec: VmSpec) => void;

  /** @param attend called with each machine that runs */
  constructor(table: VmTable, host: () => Promise<HostTraits>, attend: (id: string, spec: VmSpec) => void) {
    this.#table = table;
    this.#host = host;
    this.#attend = attend;
  }

  async start(dir: VmDir, record: VmRecord): Promise<void> {
    const host = await this.#host();
    const { run, exited } = await startVm(this.#table.context, dir, record, host);
    this.#table.watch(dir.id, run.identity, exited);
    this.#attend(dir.id, record.spec);
    this.#table.context.logger.info(
      {
        vm: dir.id,
        from: 'stopped',
        to: 'running',
        pid: run.identity.pid,
        accelerator: host.accelerator,
      },
      'VM started',
    );
  }

  /** Starts the machine with the memory of a snapshot. @throws memoryNotLoaded when QEMU does not take it; then nothing runs */
  async startFrom(dir: VmDir, record: VmRecord, snapshot: Snapshot): Promise<void> {
    const { context } = this.#table;
    const { name, shape } = snapshot;
    const memory = await open(dir.memory(snapshot.memory ?? name), 'r').catch((error: unknown) => {
      throw fail(
        qemuErrors.memoryNotLoaded,
        { id: dir.id, name, reason: messageOf(error) },
        { cause: error },
      );
    });
    try {
      const { run, exited } = await startVm(
        context,
        dir,
        record,
        { ...(await this.#host()), boot: shape.boot },
        memory,
      );
      this.#table.watch(dir.id, run.identity, exited);
      this.#attend(dir.id, record.spec);
      try {
        await this.#table.withQmp(dir, run.identity.pid, async (qmp) => {
          await migrated(qmp, context.clock);
          await qmp.execute('cont');
        });
      } catch (error) {
        await stopVm(context, dir, run.identity, { graceMs: 0 });
        throw new Error(lastError(await readTail(dir.log, 64 * 1024)) ?? messageOf(error), { cause: error });
      }
    } catch (error) {
      throw fail(
        qemuErrors.memoryNotLoaded,
        { id: dir.id, name, reason: messageOf(error) },
        { cause: error },
      );
    } finally {
      await memory.close();
    }
    context.logger.info({ vm: dir.id, to: 'running', snapshot: name }, 'VM goes on from a snapshot');
  }
}
