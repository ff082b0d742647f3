import { rm } from 'node:fs/promises';
import { fail, isThere, messageOf } from '@edgeplane/base';
import { createOverlay, growIdle, mergeIdle } from './disk-files.js';
import { qemuErrors } from './errors.js';
import type { LayerUsers } from './layer-users.js';
import {
  afterTidying,
  baseOf,
  chainOf,
  type DiskOperation,
  diskOf,
  headOf,
  newHeads,
  nextTidying,
  type Snapshot,
  withHeads,
  writableDisks,
} from './layers.js';
import { dropNodes, headNodes, streamInto, takeOverlays } from './live-disks.js';
import { saveMemory } from './memory-state.js';
import { stopVm } from './vm.js';
import { MEMORY_SOCKET, type VmDir } from './vm-dir.js';
import type { VmGuest } from './vm-guest.js';
import type { VmLauncher } from './vm-launcher.js';
import type { VmRecord } from './vm-record.js';
import type { RunningVm, VmTable } from './vm-table.js';

type Freeze = DiskOperation & { kind: 'freeze' };
type Revert = DiskOperation & { kind: 'revert' };
type Grow = DiskOperation & { kind: 'grow' };

/**
 * The layers of machines' disks: freezing them, going back to frozen ones, merging those that nobody needs. All of it is
 * recorded before it begins, so whoever comes after a crash completes it or undoes it. Within the machine's turn.
 */
export class VmDisks {
  readonly #table: VmTable;
  readonly #launcher: VmLauncher;
  readonly #guest: VmGuest;
  readonly #users: LayerUsers;

  constructor(table: VmTable, launcher: VmLauncher, guest: VmGuest, users: LayerUsers) {
    this.#table = table;
    this.#launcher = launcher;
    this.#guest = guest;
    this.#users = users;
  }

  /** Completes or undoes work that was begun, and removes what is left of it. The record as it is then. */
  async settle(dir: VmDir): Promise<VmRecord> {
    let record = await this.#table.record(dir);
    const { operation } = record;
    if (operation?.kind === 'freeze') record = await this.#settleFreeze(dir, record, operation);
    if (operation?.kind === 'revert') record = await this.#revert(dir, record, operation);
    if (operation?.kind === 'grow') record = await this.#grow(dir, record, operation);
    await dir.sweep(record);
    try {
      return await this.tidy(dir, record);
    } catch (error) {
      // Layers that are left cost room and no more.
      this.#table.context.logger.warn({ vm: dir.id, reason: messageOf(error) }, 'Layers are not merged');
      return this.#table.record(dir);
    }
  }

  /**
   * Puts a new layer over each writable disk at the same moment, so that those below are frozen; with memory, if it is
   * to be part of the snapshot. Gives the record after that.
   */
  async freeze(dir: VmDir, before: VmRecord, snapshot?: Snapshot): Promise<VmRecord> {
    const { id } = dir;
    const { onStep } = this.#table.context;
    const vm = await this.#table.running(id).catch(() => undefined);
    const below = headsOf(before);
    const { heads, record: counted } = newHeads(before, below);
    const operation: Freeze = {
      kind: 'freeze',
      heads,
      ...(snapshot ? { snapshot } : {}),
      paused: vm?.run.paused ?? false,
    };
    const record: VmRecord = { ...counted, operation };
    await dir.writeRecord(record);
    await onStep(id, 'disks-recorded');
    let done = operation;
    try {
      for (const [disk, head] of Object.entries(heads)) {
        const under = below[disk] ?? disk;
        await createOverlay(dir.disk(head), dir.disk(under));
      }
      await onStep(id, 'overlays-made');
      if (vm && (await this.#freezeRunning(vm, operation, below)) && snapshot)
        done = { ...operation, snapshot: { ...snapshot, frozen: true } };
    } catch (error) {
      await this.settle(dir);
      throw error;
    }
    return this.#finishFreeze(dir, record, done, vm);
  }

  async #freezeRunning(vm: RunningVm, op: Freeze, below: Readonly<Record<string, string>>): Promise<boolean> {
    const { dir, pid } = vm;
    const { onStep, clock } = this.#table.context;
    const memory = op.snapshot?.memory;
    const frozen = await this.#table.withQmp(dir, pid, async (qmp) => {
      if (memory !== undefined) {
        await qmp.execute('stop');
        const socket = { ours: dir.socket(MEMORY_SOCKET, pid), theirs: MEMORY_SOCKET };
        await saveMemory(qmp, { id: dir.id, path: dir.memory(memory), socket, clock });
        await onStep(dir.id, 'memory-saved');
      }
      const overlays = Object.entries(op.heads).map(([disk, head]) => ({
        over: dir.layer(below[disk] ?? disk).nodeName,
        layer: dir.layer(head),
      }));
      if (memory !== undefined) {
        await takeOverlays(qmp, overlays);
        return false;
      }
      return this.#guest.frozen(vm, qmp, async (frozen) => {
        await takeOverlays(qmp, overlays);
        return frozen;
      });
    });
    await onStep(dir.id, 'overlays-taken');
    return frozen;
  }

  async #finishFreeze(
    dir: VmDir,
    record: VmRecord,
    operation: Freeze,
    vm: RunningVm | undefined,
  ): Promise<VmRecord> {
    const { operation: _, ...rest } = record;
    const { snapshot } = operation;
    const snapshots = [...(record.snapshots ?? []), ...(snapshot ? [snapshot] : [])];
    const done = withHeads({ ...rest, snapshots }, operation.heads, headsOf(record));
    // Before the record is, so that a machine that was not let go on is one whose operation is not over.
    if (vm && snapshot?.memory !== undefined && !operation.paused) await this.#goOn(vm);
    await dir.writeRecord(done);
    await this.#table.context.onStep(dir.id, 'disks-settled');
    return done;
  }

  async #goOn(vm: RunningVm): Promise<void> {
    await this.#table.withQmp(vm.dir, vm.pid, (qmp) => qmp.execute('cont'));
  }

  async #settleFreeze(dir: VmDir, record: VmRecord, operation: Freeze): Promise<VmRecord> {
    const vm = await this.#table.running(dir.id).catch(() => undefined);
    const { snapshot, heads } = operation;
    const made = await all(Object.values(heads).map((head) => isThere(dir.disk(head))));
    const memory = snapshot?.memory === undefined || (await isThere(dir.memory(snapshot.memory)));
    if (vm) {
      // The guest's file systems may have been held still when we were ended.
      if (snapshot?.memory === undefined) await this.#guest.thawIfThere(vm);
      const inUse = await this.#table.withQmp(dir, vm.pid, headNodes);
      if (Object.values(heads).some((head) => inUse.has(dir.layer(head).nodeName)))
        return this.#finishFreeze(dir, record, operation, vm);
      // It did not come to that: as if it had not been begun.
      const nodes = Object.values(heads).map((head) => dir.layer(head).nodeName);
      await this.#table.withQmp(dir, vm.pid, async (qmp) => {
        await qmp.execute('migrate_cancel').catch(() => undefined);
        await dropNodes(qmp, nodes);
      });
      if (snapshot?.memory !== undefined && !operation.paused) await this.#goOn(vm);
    } else if (made) {
      // QEMU may have written to them before it ended, so they are the disks now. A snapshot is one only when it is whole.
      const { snapshot: _, ...layersOnly } = operation;
      return this.#finishFreeze(dir, record, memory ? operation : layersOnly, undefined);
    }
    const { operation: _, ...rest } = record;
    await dir.writeRecord(rest);
    return rest;
  }

  /** Makes the disks, and memory if it was taken, what they were; what the machine has done since is lost. */
  async revert(dir: VmDir, before: VmRecord, snapshot: Snapshot): Promise<VmRecord> {
    const running = (await this.#table.status(dir.id)).state === 'running';
    const { heads, record } = newHeads(before, snapshot.layers);
    const start = running || snapshot.memory !== undefined;
    const operation: Revert = { kind: 'revert', snapshot: snapshot.name, heads, start };
    const begun: VmRecord = { ...record, operation };
    await dir.writeRecord(begun);
    await this.#table.context.onStep(dir.id, 'disks-recorded');
    return this.tidy(dir, await this.#revert(dir, begun, operation));
  }

  /** May be repeated from its beginning at any time before its end is recorded. */
  async #revert(dir: VmDir, record: VmRecord, operation: Revert): Promise<VmRecord> {
    const { context } = this.#table;
    const { operation: _, ...rest } = record;
    const snapshot = record.snapshots?.find(({ name }) => name === operation.snapshot);
    if (!snapshot) throw fail(qemuErrors.snapshotNotFound, { id: dir.id, name: operation.snapshot });
    try {
      const run = (await this.#table.adoptAny(dir)) ?? (await dir.readRun());
      if (run) {
        await dir.writeRun({ ...run, stopRequested: true });
        await stopVm(context, dir, run.identity, { graceMs: 0 });
      }
      await context.onStep(dir.id, 'stopped');
      for (const [disk, head] of Object.entries(operation.heads)) {
        await rm(dir.disk(head), { force: true });
        const under = dir.disk(snapshot.layers[disk] ?? disk);
        await createOverlay(dir.disk(head), under);
      }
      await context.onStep(dir.id, 'overlays-made');
      const { cpus, memoryMib } = snapshot.memory === undefined ? record.spec : snapshot.shape;
      const spec = { ...record.spec, ...snapshot.sizes, cpus, memoryMib };
      const done = withHeads({ ...rest, spec }, operation.heads, snapshot.layers);
      if (operation.start) {
        if (snapshot.memory === undefined) await this.#launcher.start(dir, done);
        else await this.#launcher.startFrom(dir, done, snapshot);
      }
      await context.onStep(dir.id, 'overlays-taken');
      await dir.writeRecord(done);
      await context.onStep(dir.id, 'disks-settled');
      return done;
    } catch (error) {
      // The disks are what they were before; trying for ever would keep the machine from being used at all.
      await dir.writeRecord(rest);
      throw error;
    }
  }

  async #grow(dir: VmDir, record: VmRecord, { disk, bytes }: Grow): Promise<VmRecord> {
    const head = dir.layer(headOf(record, disk));
    const vm = await this.#table.running(dir.id).catch(() => undefined);
    const size = { 'node-name': head.nodeName, size: bytes };
    if (vm) await this.#table.withQmp(dir, vm.pid, (qmp) => qmp.execute('block_resize', size));
    else await growIdle(dir.id, disk, head.path, bytes);
    const { operation: _, ...done } = record;
    await dir.writeRecord(done);
    return done;
  }

  /** Removes and merges layers until there is none that nobody needs. */
  async tidy(dir: VmDir, from: VmRecord): Promise<VmRecord> {
    const { context } = this.#table;
    let record = from;
    // Who else lies on a layer need not be asked when there is none to go.
    while (nextTidying(record, new Set())) {
      const next = nextTidying(record, await this.#users.layersInUse(dir, record));
      if (!next) break;
      if (next.kind === 'merge') await this.#merge(dir, record, next.layer, next.into);
      await context.onStep(dir.id, 'merged');
      const { layer } = next;
      record = afterTidying(record, next);
      await dir.writeRecord(record);
      await context.onStep(dir.id, 'merge-recorded');
      const vm = await this.#table.running(dir.id).catch(() => undefined);
      if (vm) await this.#table.withQmp(dir, vm.pid, (qmp) => dropNodes(qmp, [dir.layer(layer).nodeName]));
      await rm(dir.disk(layer), { force: true });
    }
    return record;
  }

  async #merge(dir: VmDir, record: VmRecord, layer: string, into: string): Promise<void> {
    const under = record.layers?.[layer]?.below;
    const vm = await this.#table.running(dir.id).catch(() => undefined);
    const disk = diskOf(layer);
    const open = vm && chainOf(record, headOf(record, disk)).includes(into);
    if (!vm || !open) {
      const base =
        under === undefined ? baseOf(record, disk) : { path: dir.disk(under), format: 'qcow2' as const };
      await mergeIdle(dir.disk(into), base);
      return;
    }
    const files = dir.layersOf(record, disk);
    const at = files.findIndex(({ nodeName }) => nodeName === dir.layer(layer).nodeName);
    await this.#table.withQmp(dir, vm.pid, (qmp) =>
      streamInto(qmp, this.#table.context.clock, dir.layer(into).nodeName, files[at + 1]?.nodeName),
    );
  }
}

/** The head of each disk that is written to. */
export function headsOf(record: VmRecord): Record<string, string> {
  return Object.fromEntries(writableDisks(record.spec).map((disk) => [disk, headOf(record, disk)]));
}

async function all(answers: readonly Promise<boolean>[]): Promise<boolean> {
  return (await Promise.all(answers)).every(Boolean);
}
