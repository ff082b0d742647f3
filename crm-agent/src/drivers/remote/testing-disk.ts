import { type Disk, systemDisk } from '../../disk.js';

/** A disk that ends with its process, before or after the nth time it is written to. */
export function mortalDisk(
  deathAt: number,
  when: 'before' | 'after',
): { readonly disk: Disk; readonly died: () => boolean } {
  let writes = 0;
  const change = async (work: () => Promise<void>) => {
    writes += 1;
    if (writes < deathAt) return work();
    if (writes === deathAt && when === 'after') await work();
    throw new Error('the process has ended');
  };
  const disk: Disk = {
    ...systemDisk,
    write: (path, text) => change(() => systemDisk.write(path, text)),
    remove: (path) => change(() => systemDisk.remove(path)),
  };
  return { disk, died: () => writes >= deathAt };
}
