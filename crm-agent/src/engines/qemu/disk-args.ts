import { deviceName, type MachineType } from './machine-args.js';

/** One file of a disk, as QEMU opens it. */
export interface LayerArg {
  readonly nodeName: string;
  readonly path: string;
  readonly format: 'qcow2' | 'raw';
}

/** One disk as QEMU gets it. */
export interface DiskArg {
  /** The file that the guest writes to, or reads, first; then what it lies on, down to the base image. */
  readonly layers: readonly [LayerArg, ...LayerArg[]];
  readonly readOnly: boolean;
  readonly serial: string;
}

/** The arguments for one disk. `boots` when the firmware is to start from it. */
export function diskArgs(disk: DiskArg, machine: MachineType, boots: boolean): string[] {
  const [head] = disk.layers;
  const device = [deviceName(machine, 'blk'), `drive=${head.nodeName}`, `serial=${disk.serial}`];
  // A guest that writes where there is no room waits instead of losing what it wrote; see VmRoom.
  if (!disk.readOnly) device.push('werror=enospc', 'rerror=report');
  if (boots) device.push('bootindex=0');
  // JSON form, so that no character of a path has a meaning of its own.
  return ['-blockdev', JSON.stringify(graphOf(disk.layers, disk.readOnly)), '-device', device.join(',')];
}

/**
 * The block graph of a chain, each file named, so that what lies below is what the record says and not what a header
 * says. `backing: null` would be a refusal for a raw file, which can have none.
 */
function graphOf(layers: readonly LayerArg[], readOnly: boolean): Record<string, unknown> | null {
  const [layer, ...below] = layers;
  if (!layer) return null;
  return {
    ...nodeOf(layer, readOnly),
    ...(layer.format === 'raw' ? {} : { backing: graphOf(below, true) }),
  };
}

/** One file without what lies below it. */
export function nodeOf(layer: LayerArg, readOnly: boolean): Record<string, unknown> {
  return {
    driver: layer.format,
    'node-name': layer.nodeName,
    'read-only': readOnly,
    // Read-only as its layer is, even when that changes because it is merged into.
    file: { driver: 'file', filename: layer.path },
  };
}
