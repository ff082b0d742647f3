import { fail } from '@edgeplane/base';
import { qemuErrors } from './errors.js';
import type { Snapshot } from './layers.js';
import { cpusNow } from './plugged-cpus.js';
import { specRule } from './spec.js';
import { headsOf, type VmDisks } from './vm-disks.js';
import type { VmRecord } from './vm-record.js';
import { bootMemory, memoryLimit } from './vm-resources.js';
import type { VmTable } from './vm-table.js';

export interface SnapshotRequest {
  readonly name: string;
  readonly description?: string;
  /** Take memory and devices too, so that the machine goes on from that moment; it stands still meanwhile. */
  readonly memory?: boolean;
}

export interface SnapshotInfo {
  readonly name: string;
  readonly description?: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly memory: boolean;
  /** The guest agent held file systems still; otherwise disks are as after a power failure, if the machine ran. */
  readonly frozen: boolean;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** States of machines to which they can go back. */
export class VmSnapshots {
  readonly #table: VmTable;
  readonly #disks: VmDisks;

  constructor(table: VmTable, disks: VmDisks) {
    this.#table = table;
    this.#disks = disks;
  }

  /**
   * Takes the state of all writable disks at one moment, running or not. A guest agent holds
   * file systems still meanwhile. @throws snapshotExists, snapshotNeedsRunning, DISK_FULL, memoryNotSaved
   */
  async create(id: string, request: SnapshotRequest): Promise<SnapshotInfo> {
    const { name, description, memory = false } = request;
    specRule(id)(NAME.test(name), 'snapshot name', `text that matches ${NAME.source}`, name);
    return this.#table.turn(id, async (dir) => {
      const record = await this.#disks.settle(dir);
      if (find(record, name)) throw fail(qemuErrors.snapshotExists, { id, name });
      const { state } = await this.#table.status(id);
      if (memory && state !== 'running') throw fail(qemuErrors.snapshotNeedsRunning, { id, state });
      const { cpus, memoryMib, diskMib, extraDisks } = record.spec;
      const plain = { cpus, memoryMib, boot: { cpus, memoryMib, plugged: [] } };
      const snapshot: Snapshot = {
        name,
        ...(description === undefined ? {} : { description }),
        createdAt: this.#table.context.clock.now(),
        layers: headsOf(record),
        ...(memory ? { memory: `memory~${(record.layerCount ?? 0) + 1}` } : {}),
        shape: memory ? await this.#shapeNow(id, memoryMib) : plain,
        sizes: {
          ...(diskMib === undefined ? {} : { diskMib }),
          ...(extraDisks === undefined ? {} : { extraDisks }),
        },
      };
      const after = await this.#disks.freeze(dir, record, snapshot);
      this.#table.context.logger.info({ vm: id, snapshot: name, memory }, 'Snapshot taken');
      return infoOf(find(after, name) ?? snapshot);
    });
  }

  async #shapeNow(id: string, memoryMib: number): Promise<Snapshot['shape']> {
    const { dir, pid } = await this.#table.running(id);
    return this.#table.withQmp(dir, pid, async (qmp) => {
      const { boot, plugged, max } = await cpusNow(qmp);
      const memory = { memoryMib: await bootMemory(qmp), ...(await memoryLimit(qmp)) };
      // Without room for more the limit is what there is, and is not given.
      const limit = max > boot ? { maxCpus: max } : {};
      return { cpus: boot + plugged.length, memoryMib, boot: { cpus: boot, plugged, ...limit, ...memory } };
    });
  }

  /** In the order in which they were taken. */
  async list(id: string): Promise<readonly SnapshotInfo[]> {
    const record = await this.#table.record(this.#table.dir(id));
    return (record.snapshots ?? []).map(infoOf);
  }

  /** Forgets a snapshot and gives back its room, as far as nobody else needs it. One that is not there is success. */
  async delete(id: string, name: string): Promise<void> {
    await this.#table.turn(id, async (dir) => {
      const record = await this.#disks.settle(dir);
      if (!find(record, name)) return;
      const without = { ...record, snapshots: (record.snapshots ?? []).filter((s) => s.name !== name) };
      await dir.writeRecord(without);
      await this.#table.context.onStep(id, 'disks-recorded');
      await dir.sweep(without);
      await this.#disks.tidy(dir, without);
      this.#table.context.logger.info({ vm: id, snapshot: name }, 'Snapshot deleted');
    });
  }

  /**
   * Goes back to a snapshot; it and all others stay. With memory the machine runs on from that moment, else it is
   * started anew if it runs. What was written since is lost, unless a snapshot has it.
   */
  async revert(id: string, name: string): Promise<void> {
    await this.#table.turn(id, async (dir) => {
      const record = await this.#disks.settle(dir);
      const snapshot = find(record, name);
      if (!snapshot) throw fail(qemuErrors.snapshotNotFound, { id, name });
      await this.#disks.revert(dir, record, snapshot);
      this.#table.context.logger.info({ vm: id, snapshot: name }, 'Snapshot restored');
    });
  }
}

function find(record: VmRecord, name: string): Snapshot | undefined {
  return record.snapshots?.find((snapshot) => snapshot.name === name);
}

function infoOf({ name, description, createdAt, memory, frozen }: Snapshot): SnapshotInfo {
  return {
    name,
    ...(description === undefined ? {} : { description }),
    createdAt,
    memory: memory !== undefined,
    frozen: frozen === true,
  };
}
