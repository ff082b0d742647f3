import { dirname } from 'node:path';
import type { Disk } from './disk.js';

/** Records in memory, for tests that try the order of things thousands of times. */
export function memoryDisk(files: Map<string, string> = new Map()): Disk {
  const never = () => Promise.reject(new Error('records are not used so'));
  return {
    lock: never,
    list: async (dir) =>
      [...files].filter(([path]) => dirname(path) === dir).map(([, text]) => JSON.parse(text) as unknown),
    read: async (path) => files.get(path),
    write: async (path, text) => void files.set(path, text),
    writeParts: never,
    append: never,
    rename: never,
    remove: async (path) => void files.delete(path),
  };
}
