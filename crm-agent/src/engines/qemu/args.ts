import { createHash } from 'node:crypto';
import { fail } from '@edgeplane/base';
import { qemuErrors } from './errors.js';
import type { HostForward, VmSpec } from './spec.js';

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

export type AcceleratorName = 'kvm' | 'tcg';

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

/** A stable, locally administered unicast address for a machine that was given none. */
export function macOf(id: string): string {
  const hash = createHash('sha256').update(id).digest();
  return ['52', '54', '00', ...[0, 1, 2].map((i) => (hash[i] ?? 0).toString(16).padStart(2, '0'))].join(':');
}

/** The command line of QEMU for one machine. Same input, same output. */
export function qemuArgs(spec: VmSpec, paths: VmPaths, accelerator: AcceleratorName): string[] {
  const args = [
    ...['-name', `guest=${spec.id}`],
    ...['-nodefaults', '-no-user-config', '-display', 'none'],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ...['-machine', 'q35,usb=off,vmport=off'],
    ...accelerate(accelerator),
    ...['-smp', String(spec.cpus), '-m', `${spec.memoryMib}M`],
    ...['-pidfile', paths.pidFile],
    ...paths.qmpSockets.flatMap((path) => [
      '-qmp',
      `unix:${escaped(checkSocketPath(path))},server=on,wait=off`,
    ]),
    ...['-chardev', consoleChardev(paths), '-serial', 'chardev:console'],
    // The reason of each shutdown goes to the log, where it is found even if nobody was connected at the time.
    ...['-trace', 'enable=qemu_system_shutdown_request'],
    ...['-device', 'virtio-rng-pci'],
  ];
  if (spec.kernel) {
    args.push('-kernel', spec.kernel.path);
    if (spec.kernel.initrd !== undefined) args.push('-initrd', spec.kernel.initrd);
    if (spec.kernel.cmdline !== undefined) args.push('-append', spec.kernel.cmdline);
  }
  args.push(...paths.disks.flatMap(diskArgs));
  args.push(
    ...['-netdev', ['user,id=net0', ...spec.forwards.map(forwardArg)].join(',')],
    ...['-device', `virtio-net-pci,netdev=net0,mac=${spec.mac ?? macOf(spec.id)}`],
  );
  return args;
}

function accelerate(accelerator: AcceleratorName): string[] {
  return accelerator === 'kvm'
    ? ['-accel', 'kvm', '-cpu', 'host']
    : ['-accel', 'tcg,thread=multi,tb-size=256', '-cpu', 'max'];
}

function consoleChardev(paths: VmPaths): string {
  const path = escaped(checkSocketPath(paths.consoleSocket));
  return `socket,id=console,path=${path},server=on,wait=off,logfile=${escaped(paths.consoleLog)},logappend=on`;
}

/** JSON form, so that no character of a path has a meaning of its own. */
function diskArgs(disk: DiskArg, index: number): string[] {
  const file = { driver: 'file', filename: disk.path, 'read-only': disk.readOnly };
  const node = { driver: disk.format, 'node-name': disk.nodeName, 'read-only': disk.readOnly, file };
  const device = ['virtio-blk-pci', `drive=${disk.nodeName}`, `serial=${disk.serial}`];
  if (index === 0) device.push('bootindex=0');
  return ['-blockdev', JSON.stringify(node), '-device', device.join(',')];
}

function forwardArg(forward: HostForward): string {
  return `hostfwd=${forward.proto}:${forward.hostAddr}:${forward.hostPort}-:${forward.guestPort}`;
}

/** A comma ends an option's value unless doubled. */
function escaped(value: string): string {
  return value.replaceAll(',', ',,');
}
