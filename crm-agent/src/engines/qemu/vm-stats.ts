import { stat } from 'node:fs/promises';
import { messageOf } from '@edgeplane/base';
import { readProcStat, readResidentBytes, TICKS_PER_SECOND } from '../process/index.js';
import { type BlockUse, sumBlocks } from './block-use.js';
import { headOf } from './layers.js';
import type { RunningVm, VmTable } from './vm-table.js';

export interface VmStats {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** What the machine was given. */
  readonly memoryLimitBytes: number;
  /** Room that the machine's own boot disk takes on the host. */
  readonly diskBytes: number;
  /** Of all its disks, since QEMU was started; undefined when its monitor does not answer. */
  readonly blocks: BlockUse | undefined;
}

/** What a running machine uses. @throws vmNotRunning */
export async function statsOf(table: VmTable, id: string): Promise<VmStats> {
  const vm = await table.running(id);
  const { dir, pid, record } = vm;
  const [proc, residentBytes, disk, blocks] = await Promise.all([
    readProcStat(pid),
    readResidentBytes(pid),
    stat(dir.disk(headOf(record, 'boot'))),
    blocksOf(table, vm).catch((error: unknown) => {
      table.context.logger.debug({ vm: id, reason: messageOf(error) }, 'No figures of its disks');
      return undefined;
    }),
  ]);
  // st_blocks counts 512-byte units whatever the file system's block size is.
  return {
    cpuSeconds: (proc?.cpuTicks ?? 0) / TICKS_PER_SECOND,
    residentBytes,
    memoryLimitBytes: record.spec.memoryMib * 1024 ** 2,
    diskBytes: disk.blocks * 512,
    blocks,
  };
}

/** In turn with whoever else talks to the machine. */
function blocksOf(table: VmTable, { dir, pid }: RunningVm): Promise<BlockUse> {
  return table.turn(dir.id, () =>
    table.withQmp(dir, pid, async (qmp) => sumBlocks(await qmp.execute('query-blockstats'))),
  );
}
