/** A file of a FAT volume's root directory. */
export interface FatFile {
  readonly name: string;
  readonly data: Buffer;
}

const SECTOR = 512;
const ENTRY = 32;
const ROOT_ENTRIES = 128;
const ROOT_SECTORS = (ROOT_ENTRIES * ENTRY) / SECTOR;
/** A FAT with 4085 clusters or more would be read as FAT16. */
const CLUSTERS_MAX = 4084;
const CHARS_PER_LONG_ENTRY = 13;
/** 1 January 1980, the first date FAT knows: the image depends on its content alone. */
const FIRST_DATE = 0x0021;

/** The most that {@link fatImage} can hold, reached with 64 KiB clusters. */
export const FAT_CAPACITY = 128 * 1024 * 1024;

/** A FAT12 volume without partition table that holds `files` in its root directory under long names. */
export function fatImage(label: string, files: readonly FatFile[]): Buffer {
  let perCluster = 1;
  const clustersOf = (file: FatFile) => Math.ceil(file.data.length / (SECTOR * perCluster));
  const used = () => files.reduce((sum, file) => sum + clustersOf(file), 0);
  while (used() > CLUSTERS_MAX && perCluster < 128) perCluster *= 2;
  const clusters = Math.min(CLUSTERS_MAX, used() + 16);
  const fatSectors = Math.ceil(((clusters + 2) * 1.5) / SECTOR);
  const dataStart = 1 + 2 * fatSectors + ROOT_SECTORS;
  const sectors = dataStart + clusters * perCluster;
  const image = Buffer.alloc(sectors * SECTOR);

  const fat = image.subarray(SECTOR, SECTOR * (1 + fatSectors));
  setFat(fat, 0, 0xff8);
  setFat(fat, 1, 0xfff);
  const root: Buffer[] = [volumeEntry(label)];
  let next = 2;
  files.forEach((file, index) => {
    const first = next;
    const count = clustersOf(file);
    file.data.copy(image, (dataStart + (first - 2) * perCluster) * SECTOR);
    for (let i = 0; i < count; i++) setFat(fat, first + i, i === count - 1 ? 0xfff : first + i + 1);
    next += count;
    root.push(...directoryEntries(file, index, count > 0 ? first : 0));
  });
  const directory = Buffer.concat(root);
  if (directory.length > ROOT_ENTRIES * ENTRY || next - 2 > clusters)
    throw new RangeError('FAT volume is full');
  fat.copy(image, SECTOR * (1 + fatSectors));
  directory.copy(image, SECTOR * (1 + 2 * fatSectors));
  bootSector(label, perCluster, fatSectors, sectors).copy(image);
  return image;
}

function bootSector(label: string, perCluster: number, fatSectors: number, sectors: number): Buffer {
  const b = Buffer.alloc(SECTOR);
  b.set([0xeb, 0x3c, 0x90], 0);
  b.write('MSDOS5.0', 3, 'latin1');
  b.writeUInt16LE(SECTOR, 11);
  b.writeUInt8(perCluster, 13);
  b.writeUInt16LE(1, 14); // reserved sectors: this one
  b.writeUInt8(2, 16); // copies of the FAT
  b.writeUInt16LE(ROOT_ENTRIES, 17);
  if (sectors < 0x10000) b.writeUInt16LE(sectors, 19);
  else b.writeUInt32LE(sectors, 32);
  b.writeUInt8(0xf8, 21); // fixed disk
  b.writeUInt16LE(fatSectors, 22);
  b.writeUInt16LE(32, 24); // geometry that nobody uses
  b.writeUInt16LE(64, 26);
  b.writeUInt8(0x80, 36);
  b.writeUInt8(0x29, 38); // serial number, label and type follow
  b.writeUInt32LE(0x45504544, 39);
  b.write(label.padEnd(11), 43, 11, 'latin1');
  b.write('FAT12   ', 54, 'latin1');
  b.set([0x55, 0xaa], 510);
  return b;
}

/** FAT12 keeps two entries in three bytes. */
function setFat(fat: Buffer, cluster: number, value: number): void {
  const at = cluster + (cluster >> 1);
  const [low, high] = [fat[at] ?? 0, fat[at + 1] ?? 0];
  if (cluster % 2 === 0) fat.set([value & 0xff, (high & 0xf0) | (value >> 8)], at);
  else fat.set([(low & 0x0f) | ((value & 0x0f) << 4), value >> 4], at);
}

function volumeEntry(label: string): Buffer {
  const entry = Buffer.alloc(ENTRY);
  entry.write(label.padEnd(11), 0, 11, 'latin1');
  entry.writeUInt8(0x08, 11);
  entry.writeUInt16LE(FIRST_DATE, 24);
  return entry;
}

/** The long name in pieces, last piece first, then the entry proper under a made-up 8.3 name. */
function directoryEntries(file: FatFile, index: number, cluster: number): Buffer[] {
  const tail = `~${index + 1}`;
  const stem = file.name.toUpperCase().replace(/[^A-Z0-9]/g, '_');
  const short = Buffer.from((stem.slice(0, 8 - tail.length) + tail).padEnd(11), 'latin1');
  const sum = short.reduce((acc, byte) => (((acc & 1) << 7) + (acc >> 1) + byte) & 0xff, 0);

  const entry = Buffer.alloc(ENTRY);
  short.copy(entry);
  entry.writeUInt8(0x20, 11);
  for (const at of [16, 18, 24]) entry.writeUInt16LE(FIRST_DATE, at);
  entry.writeUInt16LE(cluster, 26);
  entry.writeUInt32LE(file.data.length, 28);

  const pieces = Math.ceil(file.name.length / CHARS_PER_LONG_ENTRY);
  const long = Array.from({ length: pieces }, (_, i) => longEntry(file.name, i, i === pieces - 1, sum));
  return [...long.reverse(), entry];
}

function longEntry(name: string, piece: number, last: boolean, sum: number): Buffer {
  const entry = Buffer.alloc(ENTRY);
  entry.writeUInt8((piece + 1) | (last ? 0x40 : 0), 0);
  entry.writeUInt8(0x0f, 11);
  entry.writeUInt8(sum, 13);
  const places = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
  places.forEach((at, i) => {
    const index = piece * CHARS_PER_LONG_ENTRY + i;
    // One zero after the end, then filler.
    const unit = index < name.length ? name.charCodeAt(index) : index === name.length ? 0 : 0xffff;
    entry.writeUInt16LE(unit, at);
  });
  return entry;
}
