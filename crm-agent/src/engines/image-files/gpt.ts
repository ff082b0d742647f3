import { crc32 } from 'node:zlib';

const SECTOR = 512;
const ENTRIES = 128;
const ENTRY = 128;
const TABLE_SECTORS = (ENTRIES * ENTRY) / SECTOR;
/** Type of a Linux file system. */
const LINUX_DATA = '0fc63daf-8483-4772-8e79-3d69d8477de4';

/** Where the one partition begins, bytes: on a boundary that suits every medium. */
export const PARTITION_START = 1024 ** 2;

export interface PartitionTable {
  readonly diskBytes: number;
  /** What is to be written, and where. */
  readonly pieces: readonly { readonly at: number; readonly data: Buffer }[];
}

/**
 * A GUID partition table (UEFI specification, section 5.3) with one partition, whose UUID a kernel can be told as
 * `root=PARTUUID=`. @param bytes of the partition, a multiple of 4096
 */
export function partitionTable(id: string, bytes: number): PartitionTable {
  const diskBytes = PARTITION_START + bytes + PARTITION_START;
  const last = diskBytes / SECTOR - 1;
  const entries = Buffer.alloc(ENTRIES * ENTRY);
  guid(LINUX_DATA).copy(entries, 0);
  guid(id).copy(entries, 16);
  entries.writeBigUInt64LE(BigInt(PARTITION_START / SECTOR), 32);
  entries.writeBigUInt64LE(BigInt((PARTITION_START + bytes) / SECTOR - 1), 40);
  entries.write('root', 56, 'utf16le');
  const header = (own: number, other: number, table: number) =>
    headerOf({ own, other, table, last, entries, id });
  return {
    diskBytes,
    pieces: [
      { at: 0, data: protectiveRecord(last) },
      { at: SECTOR, data: header(1, last, 2) },
      { at: 2 * SECTOR, data: entries },
      { at: (last - TABLE_SECTORS) * SECTOR, data: entries },
      { at: last * SECTOR, data: header(last, 1, last - TABLE_SECTORS) },
    ],
  };
}

interface HeaderFacts {
  /** Sectors: of this header, of the other one, of the entries, and the last of the disk. */
  readonly own: number;
  readonly other: number;
  readonly table: number;
  readonly last: number;
  readonly entries: Buffer;
  readonly id: string;
}

function headerOf({ own, other, table, last, entries, id }: HeaderFacts): Buffer {
  const b = Buffer.alloc(SECTOR);
  const size = 92;
  b.write('EFI PART', 0, 'latin1');
  b.writeUInt32LE(0x10000, 8);
  b.writeUInt32LE(size, 12);
  b.writeBigUInt64LE(BigInt(own), 24);
  b.writeBigUInt64LE(BigInt(other), 32);
  b.writeBigUInt64LE(BigInt(2 + TABLE_SECTORS), 40);
  b.writeBigUInt64LE(BigInt(last - TABLE_SECTORS - 1), 48);
  // Of the disk: that of its partition will do, as it only has to be the disk's own.
  guid(id).copy(b, 56);
  b.writeBigUInt64LE(BigInt(table), 72);
  b.writeUInt32LE(ENTRIES, 80);
  b.writeUInt32LE(ENTRY, 84);
  b.writeUInt32LE(crc32(entries), 88);
  b.writeUInt32LE(crc32(b.subarray(0, size)), 16);
  return b;
}

/** Tells programs that know no other table that the disk is not free. */
function protectiveRecord(last: number): Buffer {
  const b = Buffer.alloc(SECTOR);
  b.set([0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff], 446);
  b.writeUInt32LE(1, 454);
  b.writeUInt32LE(Math.min(last, 0xffffffff), 458);
  b.set([0x55, 0xaa], 510);
  return b;
}

/** The first three groups of a UUID are numbers, least byte first. */
function guid(id: string): Buffer {
  const raw = Buffer.from(id.replaceAll('-', ''), 'hex');
  return Buffer.concat([
    raw.subarray(0, 4).reverse(),
    raw.subarray(4, 6).reverse(),
    raw.subarray(6, 8).reverse(),
    raw.subarray(8),
  ]);
}
