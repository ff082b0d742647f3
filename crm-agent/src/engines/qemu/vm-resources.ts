import { fail, messageOf, sleep } from '@edgeplane/base';
import { qemuErrors } from './errors.js';
import { imageInfo } from './images.js';
import { diskFile, headOf } from './layers.js';
import { HOT_MEMORY } from './machine-args.js';
import { newest, olderThan } from './machine-versions.js';
import { plugCpus } from './plugged-cpus.js';
import type { QmpClient } from './qmp.js';
import { checkSpec, type VmSpec } from './spec.js';
import type { VmDir } from './vm-dir.js';
import type { VmDisks } from './vm-disks.js';
import type { RunningVm, VmTable } from './vm-table.js';

/** What a machine is to have and what it has. They differ when the guest does not take a change, or not before its next start. */
export interface ResourceState {
  readonly wanted: number;
  /** What QEMU gives the guest now; for memory, what the guest has taken. */
  readonly now: number;
}

export interface ResourceReport {
  readonly cpus: ResourceState;
  readonly memoryMib: ResourceState;
  /** A start of the machine is needed for it to get what is wanted. */
  readonly needsRestart: boolean;
}

/** The limits come with the machine's next start. */
export type ResourceChange = Partial<Pick<VmSpec, 'cpus' | 'memoryMib' | 'maxCpus' | 'maxMemoryMib'>>;

/** Time for the guest to take memory that is offered, milliseconds. */
const TAKE_LIMIT_MS = 10_000;

/** Processors, memory and disk sizes of machines, changed while they run as far as they and their guests allow it. */
export class VmResources {
  readonly #table: VmTable;
  readonly #disks: VmDisks;

  constructor(table: VmTable, disks: VmDisks) {
    this.#table = table;
    this.#disks = disks;
  }

  /**
   * Changes what the machine is to have. Within `maxCpus` and `maxMemoryMib` more is plugged in while it runs, and memory
   * above that of its start is taken back; all else comes with its next start. The report says what has become of it.
   */
  async set(id: string, change: ResourceChange): Promise<ResourceReport> {
    return this.#table.turn(id, async (dir) => {
      const record = await this.#disks.settle(dir);
      const spec = { ...record.spec, ...change };
      checkSpec(spec);
      // The record first: whoever takes the machine up after a crash goes on from there.
      await dir.writeRecord({ ...record, spec });
      await this.#table.context.onStep(id, 'resources-recorded');
      const vm = await this.#table.running(id).catch(() => undefined);
      if (vm) await this.#converge(vm, TAKE_LIMIT_MS);
      return this.#report(dir, vm);
    });
  }

  /**
   * Moves a machine that does not run to newer hardware. @throws machineVersionUnknown, machineVersionOlder, vmIsRunning,
   * machineHasMemory
   */
  async upgrade(id: string, version: string, known: readonly string[]): Promise<void> {
    await this.#table.turn(id, async (dir) => {
      const record = await this.#disks.settle(dir);
      const have = record.spec.machineVersion ?? newest(known);
      if (!known.includes(version))
        throw fail(qemuErrors.machineVersionUnknown, { id, version, known: known.join(', ') });
      if (olderThan(version, have)) throw fail(qemuErrors.machineVersionOlder, { id, version, have });
      if (version === have) return;
      if ((await this.#table.status(id)).state === 'running') throw fail(qemuErrors.vmIsRunning, { id });
      const names = (record.snapshots ?? []).flatMap(({ name, memory }) =>
        memory === undefined ? [] : [name],
      );
      if (names.length > 0) throw fail(qemuErrors.machineHasMemory, { id, have, names: names.join(', ') });
      await dir.writeRecord({ ...record, spec: { ...record.spec, machineVersion: version } });
      this.#table.context.logger.info({ vm: id, from: have, to: version }, 'Hardware of a VM upgraded');
    });
  }

  async get(id: string): Promise<ResourceReport> {
    return this.#table.turn(id, async (dir) => {
      await this.#table.record(dir);
      return this.#report(dir, await this.#table.running(id).catch(() => undefined));
    });
  }

  /** Completes, on a machine that was taken up, what was begun. Within its turn. */
  async settle(vm: RunningVm): Promise<void> {
    const { maxCpus, maxMemoryMib } = vm.record.spec;
    if (maxCpus === undefined && maxMemoryMib === undefined) return;
    await this.#converge(vm, 0).catch((error: unknown) => {
      const reason = messageOf(error);
      this.#table.context.logger.warn({ vm: vm.dir.id, reason }, 'VM has not what it is to have');
    });
  }

  /**
   * Makes a disk larger, at once if the machine runs. `disk` is `boot` or the name of an extra disk.
   * @throws diskNotFound, diskShrink
   */
  async growDisk(id: string, disk: string, sizeMib: number): Promise<void> {
    await this.#table.turn(id, async (dir) => {
      const record = await this.#disks.settle(dir);
      const { spec } = record;
      const extra = spec.extraDisks?.find(({ name }) => name === disk);
      const grown: VmSpec =
        disk === 'boot' && !extra
          ? { ...spec, diskMib: sizeMib }
          : {
              ...spec,
              extraDisks: (spec.extraDisks ?? []).map((d) => (d === extra ? { ...d, sizeMib } : d)),
            };
      if ((disk !== 'boot' && !extra) || extra?.readOnly) throw fail(qemuErrors.diskNotFound, { id, disk });
      checkSpec(grown);
      const file = disk === 'boot' ? 'boot' : diskFile(disk);
      const { virtualBytes } = await imageInfo(dir.disk(headOf(record, file)), 'qcow2');
      const bytes = sizeMib * 1024 ** 2;
      if (bytes < virtualBytes) throw fail(qemuErrors.diskShrink, { id, disk, bytes, have: virtualBytes });
      const operation = { kind: 'grow', heads: {}, disk: file, bytes } as const;
      await dir.writeRecord({ ...record, spec: grown, operation });
      await this.#table.context.onStep(id, 'disks-recorded');
      await this.#disks.settle(dir);
      this.#table.context.logger.info({ vm: id, disk, sizeMib }, 'Disk grown');
    });
  }

  async #converge(vm: RunningVm, limitMs: number): Promise<void> {
    const { dir, pid, record } = vm;
    const { cpus, memoryMib, maxCpus, maxMemoryMib } = record.spec;
    await this.#table.withQmp(dir, pid, async (qmp) => {
      if (maxCpus !== undefined) await plugCpus(qmp, cpus);
      if (maxMemoryMib === undefined) return;
      const extra = Math.max(0, memoryMib - (await bootMemory(qmp)));
      const device = await memoryDevice(qmp);
      if (!device) return;
      const value = Math.min(extra * 1024 ** 2, device.maxBytes);
      await qmp.execute('qom-set', { path: HOT_MEMORY_PATH, property: 'requested-size', value });
      const { clock } = this.#table.context;
      const until = clock.monotonic() + limitMs;
      while ((await memoryDevice(qmp))?.bytes !== value && clock.monotonic() < until) await sleep(clock, 50);
    });
  }

  async #report(dir: VmDir, vm: RunningVm | undefined): Promise<ResourceReport> {
    const { cpus, memoryMib } = (await this.#table.record(dir)).spec;
    const now = vm
      ? await this.#table.withQmp(dir, vm.pid, async (qmp) => ({
          cpus: ((await qmp.execute('query-cpus-fast')) as unknown[]).length,
          memoryMib: (await bootMemory(qmp)) + ((await memoryDevice(qmp))?.bytes ?? 0) / 1024 ** 2,
          offered: (await bootMemory(qmp)) + ((await memoryDevice(qmp))?.requestedBytes ?? 0) / 1024 ** 2,
        }))
      : { cpus, memoryMib, offered: memoryMib };
    return {
      cpus: { wanted: cpus, now: now.cpus },
      memoryMib: { wanted: memoryMib, now: now.memoryMib },
      needsRestart: now.cpus !== cpus || now.offered !== memoryMib,
    };
  }
}

const HOT_MEMORY_PATH = `/machine/peripheral/${HOT_MEMORY}`;

/** Memory that the machine was started with, MiB. */
export async function bootMemory(qmp: QmpClient): Promise<number> {
  const summary = (await qmp.execute('query-memory-size-summary')) as { 'base-memory': number };
  return summary['base-memory'] / 1024 ** 2;
}

/** Memory that it can be given while it runs, if it can. */
export async function memoryLimit(qmp: QmpClient): Promise<{ readonly maxMemoryMib?: number }> {
  const device = await memoryDevice(qmp);
  return device ? { maxMemoryMib: (await bootMemory(qmp)) + device.maxBytes / 1024 ** 2 } : {};
}

interface MemoryDevice {
  readonly bytes: number;
  readonly requestedBytes: number;
  readonly maxBytes: number;
}

async function memoryDevice(qmp: QmpClient): Promise<MemoryDevice | undefined> {
  type Answer = { data: { id?: string; size: number; 'requested-size': number; 'max-size': number } }[];
  const devices = (await qmp.execute('query-memory-devices')) as Answer;
  const data = devices.find((device) => device.data.id === HOT_MEMORY)?.data;
  return data && { bytes: data.size, requestedBytes: data['requested-size'], maxBytes: data['max-size'] };
}
