/** What a machine has read from and written to its disks, bytes. */
export interface BlockUse {
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** Adds up QEMU's answer to `query-blockstats`, over the disks as the guest sees them. */
export function sumBlocks(answer: unknown): BlockUse {
  let readBytes = 0;
  let writtenBytes = 0;
  for (const disk of Array.isArray(answer) ? answer : []) {
    const { stats } = (disk ?? {}) as { stats?: Readonly<Record<string, unknown>> };
    readBytes += Number(stats?.['rd_bytes'] ?? 0);
    writtenBytes += Number(stats?.['wr_bytes'] ?? 0);
  }
  return { readBytes, writtenBytes };
}
