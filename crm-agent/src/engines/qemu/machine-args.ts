import type { PluggedCpu } from './plugged-cpus.js';
import type { VmSpec } from './spec.js';

export type AcceleratorName = 'kvm' | 'tcg';

/** What the host adds to a machine's own description. */
export interface HostTraits {
  readonly accelerator: AcceleratorName;
  /** Clock rate of the host's processor; a microVM that is emulated cannot measure it by itself. */
  readonly processorKhz?: number;
  /** Group that QEMU gets, which keeps its guest from the host's loopback; without it guests get no way out. */
  readonly guestGid?: number;
  /** How the machine was when its memory was taken; default: as its spec says. */
  readonly boot?: BootShape;
}

/** What a machine was started with, and what was added to it since. */
export interface BootShape {
  readonly cpus: number;
  readonly memoryMib: number;
  readonly plugged: readonly PluggedCpu[];
  /** Limits that it was started with, when its own have changed since. */
  readonly maxCpus?: number;
  readonly maxMemoryMib?: number;
}

export type MachineType = NonNullable<VmSpec['machine']>;

/** The device that does a thing, by machine: a microVM has no PCI bus, its devices sit at fixed addresses. */
export function deviceName(machine: MachineType, kind: 'blk' | 'net' | 'rng' | 'serial'): string {
  return `virtio-${kind}-${machine === 'microvm' ? 'device' : 'pci'}`;
}

export function machineOf(spec: VmSpec): MachineType {
  return spec.machine ?? 'q35';
}

/** Board, processor and memory. */
export function machineArgs(spec: VmSpec, host: HostTraits): string[] {
  const boot: BootShape = host.boot ?? { cpus: spec.cpus, memoryMib: spec.memoryMib, plugged: [] };
  const maxCpus = boot.maxCpus ?? spec.maxCpus;
  return [
    ...['-machine', board(spec)],
    ...(host.accelerator === 'kvm'
      ? ['-accel', 'kvm', '-cpu', 'host']
      : ['-accel', 'tcg,thread=multi,tb-size=256', '-cpu', 'max']),
    ...['-smp', maxCpus === undefined ? `${boot.cpus}` : `${boot.cpus},maxcpus=${maxCpus}`],
    ...boot.plugged.flatMap((cpu) => ['-device', JSON.stringify(cpu)]),
    ...memoryArgs({ ...spec, maxMemoryMib: boot.maxMemoryMib ?? spec.maxMemoryMib }, boot.memoryMib),
  ];
}

function board(spec: VmSpec): string {
  const board = BOARDS[machineOf(spec)];
  return spec.machineVersion === undefined
    ? board
    : `pc-q35-${spec.machineVersion}${board.slice('q35'.length)}`;
}

/** The device that gives a guest memory beyond that of its start. */
export const HOT_MEMORY = 'hotmem';

function memoryArgs(
  { maxMemoryMib, memoryMib }: { readonly maxMemoryMib: number | undefined; readonly memoryMib: number },
  boot: number,
): string[] {
  const room = (maxMemoryMib ?? boot) - boot;
  if (room <= 0) return ['-m', `${boot}M`];
  const requested = Math.min(room, Math.max(0, memoryMib - boot));
  return [
    ...['-m', `${boot}M,maxmem=${maxMemoryMib}M`],
    ...['-object', `memory-backend-ram,id=${HOT_MEMORY}-backend,size=${room}M,reserve=off`],
    ...[
      '-device',
      `virtio-mem-pci,id=${HOT_MEMORY},memdev=${HOT_MEMORY}-backend,block-size=2M,requested-size=${requested}M`,
    ],
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
