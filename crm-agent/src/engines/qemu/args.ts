import { dirname } from 'node:path';
import { type DiskArg, diskArgs } from './disk-args.js';
import { AGENT_CHARDEV } from './guest-agent.js';
import { deviceName, type HostTraits, kernelArgs, machineArgs, machineOf } from './machine-args.js';
import { METADATA_CHARDEV, nicArgs } from './network-args.js';
import { checkSocketPath } from './socket-path.js';
import type { VmSpec } from './spec.js';

/** Where this machine's files are. Relative names are relative to QEMU's working directory. */
export interface VmPaths {
  /** Absolute: it is what marks the process as this machine's. */
  readonly pidFile: string;
  /** A QMP socket serves one client at a time, hence more than one. */
  readonly qmpSockets: readonly string[];
  readonly consoleSocket: string;
  readonly consoleLog: string;
  readonly vncSocket: string;
  readonly metadataSocket: string;
  /** Channel to the agent within the guest. */
  readonly agentSocket: string;
  /** First the boot disk, last the seed. */
  readonly disks: readonly DiskArg[];
}

/** The command line of QEMU for one machine. Same input, same output. */
export function qemuArgs(spec: VmSpec, paths: VmPaths, host: HostTraits): string[] {
  const machine = machineOf(spec);
  return [
    ...['-name', `guest=${spec.id}`],
    ...['-nodefaults', '-no-user-config', ...displayArgs(spec, paths)],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ...machineArgs(spec, host),
    ...(spec.endsOnReset ? ['-no-reboot'] : []),
    ...['-pidfile', paths.pidFile],
    ...paths.qmpSockets.flatMap((path) => ['-qmp', `unix:${socketPath(path)},server=on,wait=off`]),
    ...['-chardev', consoleChardev(paths), '-serial', 'chardev:console'],
    // The reason of each shutdown goes to the log, where it is found even if nobody was connected at the time.
    ...['-trace', 'enable=qemu_system_shutdown_request'],
    ...['-device', deviceName(machine, 'rng')],
    ...['-chardev', `socket,id=${AGENT_CHARDEV},path=${socketPath(paths.agentSocket)},server=on,wait=off`],
    ...['-device', deviceName(machine, 'serial')],
    ...['-device', `virtserialport,chardev=${AGENT_CHARDEV},name=org.qemu.guest_agent.0`],
    ...metadataArgs(spec, paths),
    ...kernelArgs(spec, host),
    ...paths.disks.flatMap((disk, index) =>
      // A kernel that is booted directly has the first place already.
      diskArgs(disk, machine, index === 0 && !spec.kernel),
    ),
    ...nicArgs(spec.id, spec.nics, {
      ...{ root: rootOf(paths), virtio: deviceName(machine, 'net') },
      wayOut: host.guestGid !== undefined,
    }),
  ];
}

/** The directory of all machines: the pid file is in the machine's own. */
function rootOf(paths: VmPaths): string {
  return dirname(dirname(paths.pidFile));
}

function metadataArgs(spec: VmSpec, paths: VmPaths): string[] {
  if (!spec.nics.some((nic) => nic.type === 'metadata')) return [];
  const path = socketPath(paths.metadataSocket);
  return ['-chardev', `socket,id=${METADATA_CHARDEV},path=${path},server=on,wait=off`];
}

/** The socket is in the machine's directory, so its rights are who may look. */
function displayArgs(spec: VmSpec, paths: VmPaths): string[] {
  if (spec.display === undefined) return ['-display', 'none'];
  const devices = ['-device', 'VGA', '-device', 'virtio-tablet-pci'];
  return ['-vnc', `unix:${socketPath(paths.vncSocket)}`, ...devices];
}

function consoleChardev(paths: VmPaths): string {
  const path = socketPath(paths.consoleSocket);
  return `socket,id=console,path=${path},server=on,wait=off,logfile=${escaped(paths.consoleLog)},logappend=on`;
}

function socketPath(path: string): string {
  return escaped(checkSocketPath(path));
}

/** A comma ends an option's value unless doubled. */
function escaped(value: string): string {
  return value.replaceAll(',', ',,');
}
