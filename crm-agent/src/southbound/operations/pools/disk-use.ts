import type { Dirent, Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes that a folder takes on its disk; what vanishes meanwhile does not count, and hard links count once. */
export async function diskUse(dir: string): Promise<bigint> {
  const seen = new Set<string>();
  let bytes = 0n;
  const walk = async (path: string): Promise<void> => {
    let entries: Dirent[];
    try {
      entries = await readdir(path, { withFileTypes: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' && path !== dir) return;
      throw error;
    }
    for (const entry of entries) {
      const inside = join(path, entry.name);
      const stat = await lstat(inside).catch((error: NodeJS.ErrnoException): Stats | undefined => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      });
      if (!stat) continue;
      const inode = `${stat.dev}:${stat.ino}`;
      if (stat.nlink > 1 && !stat.isDirectory()) {
        if (seen.has(inode)) continue;
        seen.add(inode);
      }
      bytes += BigInt(stat.blocks) * 512n;
      if (stat.isDirectory()) await walk(inside);
    }
  };
  await walk(dir);
  return bytes;
}
