import type {
  DescribeResponse,
  GetCapabilitiesResponse,
  VMInfo,
} from '@edgeplane/proto/southbound/virtrigaud/provider/v1/provider.js';
import { macOf } from '../../engines/qemu/index.js';
import { EXPORT_FORMATS } from './disk-work.js';
import { forwardsOf } from './forwards.js';
import { IMAGE_FORMATS } from './image-wish.js';
import type { SeenVm } from './inventory.js';
import { BACKENDS, TRANSFER_MODES } from './locations.js';

/** All that a manager understands: it writes this text into a field that takes no other. */
export function powerState({ status }: SeenVm): 'On' | 'Off' {
  return status.state === 'running' ? 'On' : 'Off';
}

export const NO_SUCH_VM: DescribeResponse = {
  ...{ exists: false, powerState: '', ips: [], consoleUrl: '', providerRawJson: '' },
};

export function describe(vm: SeenVm, consoleUrl: string): DescribeResponse {
  return {
    ...{ exists: true, powerState: powerState(vm), ips: ipsOf(vm), consoleUrl },
    providerRawJson: JSON.stringify(rawOf(vm)),
  };
}

/** A machine that is being made is there already, or the manager would make another. */
export function describeUnborn(id: string, name: string, task: string): DescribeResponse {
  const raw = { vm_id: id, name, state: 'creating', task };
  return { exists: true, powerState: 'Off', ips: [], consoleUrl: '', providerRawJson: JSON.stringify(raw) };
}

/**
 * Addresses by the guest's own word; without an agent none are known. Those on QEMU's own network lead nowhere: its ports are
 * reached where they are forwarded.
 */
function ipsOf({ id, guest, status }: SeenVm): string[] {
  const inner = new Set(
    (status.spec?.nics ?? []).flatMap((nic, at) =>
      nic.type === 'user' ? [nic.mac ?? macOf(id, at, nic.type)] : [],
    ),
  );
  const outer = guest?.addresses.filter(({ mac }) => !inner.has(mac?.toLowerCase() ?? '')) ?? [];
  return [...new Set(outer.map(({ ip }) => ip))];
}

/** Flat, as managers make a text of each value. */
function rawOf(vm: SeenVm): Record<string, string | number | boolean> {
  const { status, guest } = vm;
  const { spec } = status;
  const facts: Record<string, string | number | boolean | undefined> = {
    ...{ vm_id: vm.id, name: vm.name, state: status.state, reason: status.reason, trouble: status.trouble },
    qmp_status: status.state === 'running' ? (status.paused ? 'paused' : 'running') : 'shutdown',
    ...{ pid: status.pid, accelerator: status.accelerator, machine_version: spec?.machineVersion },
    ...{
      cpu_count: spec?.cpus,
      cpu_max: spec?.maxCpus,
      memory_mb: spec?.memoryMib,
      memory_max_mb: spec?.maxMemoryMib,
    },
    boot_time: status.startedAt === undefined ? undefined : new Date(status.startedAt).toISOString(),
    pending_restart: vm.needsRestart,
    tools_status: status.state === 'running' && guest ? 'toolsOk' : 'toolsNotRunning',
    ...{ tools_version: guest?.agentVersion, hostname: guest?.hostname, guest_os: guest?.os },
    ...{ guest_kernel: guest?.kernel, primary_ip: ipsOf(vm)[0] },
    guest_ips: guest?.addresses.map(({ ip }) => ip).join(','),
    networks: vm.nics.map(({ network }) => network).join(','),
    tags: vm.tags.join(','),
    ...Object.fromEntries(
      forwardsOf(spec?.nics ?? []).map((f) => [
        `forward.${f.proto}.${f.guestPort}`,
        `${f.hostAddr}:${f.hostPort}`,
      ]),
    ),
  };
  const known = Object.entries(facts).filter(([, value]) => value !== undefined && value !== '');
  return Object.fromEntries(known) as Record<string, string | number | boolean>;
}

export function vmInfo(vm: SeenVm): VMInfo {
  const { id, name, status, files } = vm;
  const { spec } = status;
  const sizes = new Map<string, number | undefined>([
    ['boot', spec?.diskMib],
    ...(spec?.extraDisks ?? []).map((disk): [string, number | undefined] => [disk.name, disk.sizeMib]),
  ]);
  return {
    ...{ id, name, powerState: powerState(vm), ips: ipsOf(vm) },
    ...{ cpu: spec?.cpus ?? 0, memoryMib: BigInt(spec?.memoryMib ?? 0) },
    disks: [...files].map(([disk, path]) => ({
      ...{ id: disk, path, format: 'qcow2', sizeGib: Math.ceil((sizes.get(disk) ?? 0) / 1024) },
    })),
    networks: (spec?.nics ?? []).map((nic, at) => ({
      name: vm.nics[at]?.network ?? nic.type,
      mac: nic.mac ?? macOf(id, at, nic.type),
      ipAddress: vm.nics[at]?.ip ?? '',
    })),
    providerRaw: Object.fromEntries(Object.entries(rawOf(vm)).map(([key, value]) => [key, String(value)])),
  };
}

/** What works here; nothing does without the programs that do it. */
export function capabilities(available: boolean): GetCapabilitiesResponse {
  const list = (values: readonly string[]) => (available ? [...values] : []);
  const backends = list(BACKENDS);
  return {
    ...{ supportsReconfigureOnline: available, supportsDiskExpansionOnline: available },
    ...{ supportsSnapshots: available, supportsMemorySnapshots: available, supportsLinkedClones: available },
    supportsImageImport: available,
    supportedDiskTypes: list(['thin', 'qcow2']),
    supportedNetworkTypes: list(['user', 'bridge', 'virtio', 'e1000', 'rtl8139']),
    ...{ supportsDiskExport: available, supportsDiskImport: available, supportsExportCompression: available },
    ...{ supportedExportFormats: list(EXPORT_FORMATS), supportedImportFormats: list(IMAGE_FORMATS) },
    ...{ supportedExportBackends: backends, supportedImportBackends: backends },
    supportedTransferModes: list(TRANSFER_MODES.filter((mode) => mode !== 'auto')),
  };
}
