import { fail } from '@edgeplane/base';
import { virtrigaudErrors } from './errors.js';
import { readForwards, type WantedForward } from './forwards.js';
import type { JsonObject } from './json.js';
import { invalid, mibOf, oneOf, whole } from './values.js';

/** Hardware that a caller asks for; absent members are left to what there is. */
export interface VmClass {
  readonly cpus?: number;
  readonly memoryMib?: number;
  /** Of the root disk. */
  readonly diskMib?: number;
  /** Whether processors, and memory, can be added later while it runs. */
  readonly hotCpus: boolean;
  readonly hotMemory: boolean;
  readonly machineVersion?: string;
  readonly forwards: readonly WantedForward[];
}

const CPU_MAX = 128;
const MEMORY_MIN = 16;
const MEMORY_MAX = 4 * 1024 * 1024;
export const DISK_MAX_MIB = 64 * 1024 * 1024;
/** ssd, hdd and nvme say what a disk is to lie on, of which a host has one kind. */
const DISK_TYPES = ['', 'thin', 'qcow2', 'ssd', 'hdd', 'nvme'] as const;

/**
 * Reads a class in either spelling: `CPU`, `MemoryMiB` and `SizeGiB` as numbers, or `memory` and `size` as quantities (spec of
 * VirtRigaud, sections 3.1 and 3.8). What would be a promise that this host cannot keep is refused.
 */
export function readClass(json: JsonObject): VmClass {
  const cpus = json.whole('CPU', 1, CPU_MAX);
  const memoryMib = memoryOf(json);
  const diskMib = diskOf(json);
  oneOf(json.field('Firmware'), json.text('Firmware').toUpperCase() || 'BIOS', ['BIOS', 'UEFI', 'EFI']);
  if (/^U?EFI$/i.test(json.text('Firmware'))) throw missing(json.field('Firmware'), 'UEFI firmware');
  const policies = ['', 'install', 'skip', 'upgrade', 'uninstall'] as const;
  oneOf(json.field('GuestToolsPolicy'), json.text('GuestToolsPolicy').toLowerCase(), policies);
  const profile = json.object('PerformanceProfile');
  if (profile?.flag('VirtualizationBasedSecurity'))
    throw missing(profile.field('VirtualizationBasedSecurity'), 'virtualization based security');
  checkSecurity(json.object('SecurityProfile'));
  const extra = json.object('ExtraConfig');
  const version = extra?.text('qemu.machineVersion') ?? '';
  if (version !== '' && !/^\d{1,3}\.\d{1,3}$/.test(version))
    throw invalid(`${json.path}.ExtraConfig["qemu.machineVersion"]`, 'a version such as 7.2', version);
  return {
    ...(cpus === undefined ? {} : { cpus }),
    ...(memoryMib === undefined ? {} : { memoryMib }),
    ...(diskMib === undefined ? {} : { diskMib }),
    hotCpus: profile?.flag('CPUHotAddEnabled') ?? true,
    hotMemory: profile?.flag('MemoryHotAddEnabled') ?? true,
    ...(version === '' ? {} : { machineVersion: version }),
    forwards: readForwards(
      `${json.path}.ExtraConfig["edgeplane.forwards"]`,
      extra?.text('edgeplane.forwards') ?? '',
    ),
  };
}

function memoryOf(json: JsonObject): number | undefined {
  const mib = json.whole('MemoryMiB', MEMORY_MIN, MEMORY_MAX);
  if (mib !== undefined) return mib;
  const bytes = json.bytes('memory');
  return bytes === undefined ? undefined : whole(json.field('memory'), mibOf(bytes), MEMORY_MIN, MEMORY_MAX);
}

function diskOf(json: JsonObject): number | undefined {
  const defaults = json.object('DiskDefaults');
  if (!defaults) return undefined;
  checkDiskType(defaults);
  return sizeMib(defaults);
}

/** Size of a disk, MiB; `SizeGiB` 0 is as if it were not given. */
export function sizeMib(json: JsonObject): number | undefined {
  const gib = json.whole('SizeGiB', 0, DISK_MAX_MIB / 1024);
  if (gib !== undefined) return gib === 0 ? undefined : gib * 1024;
  const bytes = json.bytes('size');
  return bytes === undefined || bytes === 0
    ? undefined
    : whole(json.field('size'), mibOf(bytes), 1, DISK_MAX_MIB);
}

/** @throws FIELD_INVALID for a kind of disk that is not made here */
export function checkDiskType(json: JsonObject): void {
  oneOf(json.field('Type'), json.text('Type').toLowerCase(), DISK_TYPES);
}

function checkSecurity(profile: JsonObject | undefined): void {
  if (!profile) return;
  const wishes = ['SecureBoot', 'TPMEnabled', 'VTDEnabled', 'EncryptionEnabled', 'RequireEncryption'];
  for (const key of wishes) if (profile.flag(key)) throw missing(profile.field(key), key);
  const policy = profile.object('encryptionPolicy');
  if (policy?.flag('enabled')) throw missing(policy.field('enabled'), 'encryption of disks');
}

function missing(field: string, what: string): Error {
  return fail(virtrigaudErrors.NOT_AVAILABLE, { field, what });
}

/** Processors that a machine may grow to while it runs. */
const ROOM = 4;
const ROOM_CPUS = 64;
/** Beyond it guests cannot address their memory under emulation. */
const ROOM_MIB = 256 * 1024;

/** The limits of a machine of that size; absent when it is not to grow while it runs. */
export function headroom(
  { cpus, memoryMib }: { readonly cpus: number; readonly memoryMib: number },
  hot: Pick<VmClass, 'hotCpus' | 'hotMemory'>,
): { readonly maxCpus?: number; readonly maxMemoryMib?: number } {
  const maxCpus = Math.min(cpus * ROOM, ROOM_CPUS);
  const most = Math.min(memoryMib * ROOM, ROOM_MIB);
  // It is added in pairs of MiB.
  const maxMemoryMib = most - ((most - memoryMib) % 2);
  return {
    ...(hot.hotCpus && maxCpus > cpus ? { maxCpus } : {}),
    ...(hot.hotMemory && maxMemoryMib > memoryMib ? { maxMemoryMib } : {}),
  };
}
