import type { MicrovmSpec, MicrovmVolume } from './model.js';

/** Disks in the order in which the guest sees them, from /dev/vda on; the root, where there is one, before all others. */
export function guestVolumes({ volumes }: Pick<MicrovmSpec, 'volumes'>): readonly MicrovmVolume[] {
  const isDisk = ({ virtiofs }: MicrovmVolume) => virtiofs === undefined;
  const roots = volumes.filter((volume) => volume.isRoot && isDisk(volume));
  // A machine always has a first disk: without a root it is an empty one.
  const first: readonly MicrovmVolume[] = roots.length > 0 ? roots : [NO_ROOT];
  return [...first, ...volumes.filter((volume) => !volume.isRoot && isDisk(volume))];
}

/** Stands in for the root of a machine that runs from its initrd alone. */
export const NO_ROOT: MicrovmVolume = {
  id: '',
  isRoot: true,
  isReadOnly: true,
  mountPoint: '',
  sizeMib: 1,
};

/** A letter for each disk that a machine can have. */
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

/** What the guest calls a disk, or the partition on it that has the files. */
export function diskDevice(index: number, volume: Pick<MicrovmVolume, 'partitionId'>): string {
  return `vd${LETTERS.charAt(index)}${volume.partitionId ? '1' : ''}`;
}

/** What the kernel finds its root by. */
export function rootArgument(volume: MicrovmVolume): string {
  if (volume === NO_ROOT) return '';
  return volume.partitionId
    ? `PARTUUID=${volume.partitionId.toLowerCase()}`
    : `/dev/${diskDevice(0, volume)}`;
}
