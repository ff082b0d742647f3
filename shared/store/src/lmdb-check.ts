import { spawn } from 'node:child_process';
import { closeSync, openSync, readSync, statSync } from 'node:fs';

/** lmdb's meta page: a 24 byte page header, then magic and format version. Two of them open the file. */
const MAGIC_AT = 24;
const VERSION_AT = 28;
const PAGE_SIZE_AT = 48;
const MAGIC = 0xbeefc0de;
const VERSION = 2;

/** What is wrong with the beginning of a data file; undefined when nothing is. An empty file is a new store. */
export function headerFault(path: string): string | undefined {
  const { size } = statSync(path);
  if (size === 0) return undefined;
  const fd = openSync(path, 'r');
  try {
    const head = Buffer.alloc(PAGE_SIZE_AT + 4);
    const fault = metaFault(fd, 0, head);
    if (fault !== undefined) return fault;
    const pageSize = head.readUInt32LE(PAGE_SIZE_AT);
    if (pageSize < 512 || pageSize > 65536 || (pageSize & (pageSize - 1)) !== 0) {
      return `the page size ${pageSize} is not one lmdb uses`;
    }
    if (size < 2 * pageSize) return `it ends after ${size} bytes, within its two head pages`;
    return metaFault(fd, pageSize, head);
  } finally {
    closeSync(fd);
  }
}

function metaFault(fd: number, offset: number, into: Buffer): string | undefined {
  const read = readSync(fd, into, 0, into.length, offset);
  if (read < into.length) return `it ends after ${offset + read} bytes, within its two head pages`;
  const magic = into.readUInt32LE(MAGIC_AT);
  if (magic !== MAGIC) return `no lmdb head page at byte ${offset} (found ${magic.toString(16)})`;
  const version = into.readUInt32LE(VERSION_AT);
  return version === VERSION
    ? undefined
    : `lmdb format ${version} at byte ${offset}; this program reads ${VERSION}`;
}

/**
 * Reads every byte of every entry. Plain JavaScript in a process of its own: lmdb maps the
 * file into memory, so a damaged page ends the process that touches it with SIGSEGV or SIGBUS.
 */
const WALK = `
const { open } = await import(process.argv[1]);
const root = open({ path: process.argv[2], noSubdir: true, maxDbs: 8, overlappingSync: false });
let bytes = 0;
for (const name of ['data', 'log', 'meta']) {
  const db = root.openDB({ name, keyEncoding: 'binary', encoding: 'binary' });
  for (const { key, value } of db.getRange({})) for (const b of [key, value]) for (const x of b) bytes += x;
}
await root.close();
`;

/** What is wrong with a data file; undefined when every entry can be read. Takes about 0.2 s for a small file. */
export function walkFault(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const args = ['--input-type=module', '--eval', WALK, import.meta.resolve('lmdb'), path];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'], env: {} });
    let words = '';
    child.stderr.on('data', (chunk: Buffer) => {
      words = (words + chunk.toString()).slice(-4000);
    });
    child.on('error', (error) => resolve(`the check could not be started: ${error.message}`));
    child.on('close', (code, signal) => {
      if (code === 0) resolve(undefined);
      else if (signal) resolve(`a page is damaged or missing (reading it ended the check with ${signal})`);
      else resolve(/^\w*Error: .*/m.exec(words)?.[0] ?? `the check ended with status ${code}`);
    });
  });
}
