import { dirname } from 'node:path';
import { fail } from '@edgeplane/base';
import { qemuErrors } from './errors.js';
import { deviceName, type HostTraits, kernelArgs, machineArgs, machineOf } from './machine-args.js';
import { nicArgs } from './network-args.js';
import type { VmSpec } from './spec.js';

/** One disk as QEMU gets it. */
export interface DiskArg {
  readonly nodeName: string;
  readonly path: string;
  readonly format: 'qcow2' | 'raw';
  readonly readOnly: boolean;
  readonly serial: string;
}

/** Where this machine's files are. Relative names are relative to QEMU's working directory. */
export interface VmPaths {
  /** Absolute: it is what marks the process as this machine's. */
  readonly pidFile: string;
  /** A QMP socket serves one client at a time, hence more than one. */
  readonly qmpSockets: readonly string[];
  readonly consoleSocket: string;
  readonly consoleLog: string;
  /** First the boot disk, last the seed. */
  readonly disks: readonly DiskArg[];
}

/** sun_path of Linux holds 108 bytes with the closing zero. */
export const SOCKET_PATH_MAX = 107;

/** @throws socketPathTooLong, since QEMU and Node cut a long path or answer with a bare errno. */
export function checkSocketPath(path: string): string {
  const bytes = Buffer.byteLength(path);
  if (bytes > SOCKET_PATH_MAX) {
    throw fail(qemuErrors.socketPathTooLong, { path, bytes, max: SOCKET_PATH_MAX });
  }
  return path;
}

/** The command line of QEMU for one machine. Same input, same output. */
export function qemuArgs(spec: VmSpec, paths: VmPaths, host: HostTraits): string[] {
  const machine = machineOf(spec);
  return [
    ...['-name', `guest=${spec.id}`],
    ...['-nodefaults', '-no-user-config', '-display', 'none'],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ...machineArgs(spec, host),
    ...['-pidfile', paths.pidFile],
    ...paths.qmpSockets.flatMap((path) => [
      '-qmp',
      `unix:${escaped(checkSocketPath(path))},server=on,wait=off`,
    ]),
    ...['-chardev', consoleChardev(paths), '-serial', 'chardev:console'],
    // The reason of each shutdown goes to the log, where it is found even if nobody was connected at the time.
    ...['-trace', 'enable=qemu_system_shutdown_request'],
    ...['-device', deviceName(machine, 'rng')],
    ...kernelArgs(spec, host),
    ...paths.disks.flatMap((disk, index) => diskArgs(disk, index, spec)),
    ...nicArgs(spec.id, spec.nics, rootOf(paths), deviceName(machine, 'net')),
  ];
}

/** The directory of all machines: the pid file is in the machine's own. */
function rootOf(paths: VmPaths): string {
  return dirname(dirname(paths.pidFile));
}

function consoleChardev(paths: VmPaths): string {
  const path = escaped(checkSocketPath(paths.consoleSocket));
  return `socket,id=console,path=${path},server=on,wait=off,logfile=${escaped(paths.consoleLog)},logappend=on`;
}

/** JSON form, so that no character of a path has a meaning of its own. */
function diskArgs(disk: DiskArg, index: number, spec: VmSpec): string[] {
  const file = { driver: 'file', filename: disk.path, 'read-only': disk.readOnly };
  const node = { driver: disk.format, 'node-name': disk.nodeName, 'read-only': disk.readOnly, file };
  const device = [deviceName(machineOf(spec), 'blk'), `drive=${disk.nodeName}`, `serial=${disk.serial}`];
  // A kernel that is booted directly has that place already.
  if (index === 0 && !spec.kernel) device.push('bootindex=0');
  return ['-blockdev', JSON.stringify(node), '-device', device.join(',')];
}

/** A comma ends an option's value unless doubled. */
function escaped(value: string): string {
  return value.replaceAll(',', ',,');
}
