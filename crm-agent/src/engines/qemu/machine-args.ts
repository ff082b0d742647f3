import type { VmSpec } from './spec.js';

export type AcceleratorName = 'kvm' | 'tcg';

/** What the host adds to a machine's own description. */
export interface HostTraits {
  readonly accelerator: AcceleratorName;
  /** Clock rate of the host's processor; a microVM that is emulated cannot measure it by itself. */
  readonly processorKhz?: number;
}

export type MachineType = NonNullable<VmSpec['machine']>;

/** The device that does a thing, by machine: a microVM has no PCI bus, its devices sit at fixed addresses. */
export function deviceName(machine: MachineType, kind: 'blk' | 'net' | 'rng'): string {
  return `virtio-${kind}-${machine === 'microvm' ? 'device' : 'pci'}`;
}

export function machineOf(spec: VmSpec): MachineType {
  return spec.machine ?? 'q35';
}

/** Board, processor and memory. */
export function machineArgs(spec: VmSpec, host: HostTraits): string[] {
  return [
    ...['-machine', BOARDS[machineOf(spec)]],
    ...(host.accelerator === 'kvm'
      ? ['-accel', 'kvm', '-cpu', 'host']
      : ['-accel', 'tcg,thread=multi,tb-size=256', '-cpu', 'max']),
    ...['-smp', String(spec.cpus), '-m', `${spec.memoryMib}M`],
  ];
}

const BOARDS: Readonly<Record<MachineType, string>> = {
  q35: 'q35,usb=off,vmport=off',
  // ACPI is what guests find their devices by, and how they notice the power button.
  microvm: 'microvm,acpi=on,pit=on,pic=on,rtc=on,ioapic2=on,usb=off',
};

/** The kernel that is booted directly, if there is one. */
export function kernelArgs(spec: VmSpec, host: HostTraits): string[] {
  const { kernel } = spec;
  if (!kernel) return [];
  const words = kernel.cmdline === undefined ? [] : [kernel.cmdline];
  // Without a timer to measure against, an emulated microVM on a busy host does not get past its clock.
  const blind = machineOf(spec) === 'microvm' && host.accelerator === 'tcg' && host.processorKhz;
  if (blind && !kernel.cmdline?.includes('tsc_early_khz=')) words.push(`tsc_early_khz=${host.processorKhz}`);
  return [
    ...['-kernel', kernel.path],
    ...(kernel.initrd === undefined ? [] : ['-initrd', kernel.initrd]),
    ...(words.length === 0 ? [] : ['-append', words.join(' ')]),
  ];
}
