import { isAbsolute } from 'node:path';
import { fail } from '@edgeplane/base';
import { qemuErrors } from './errors.js';
import { checkNics, type Nic, type SpecRule } from './network-spec.js';

/** Content of the NoCloud seed volume. Only the guest reads it. */
export interface CloudInit {
  readonly instanceId: string;
  readonly hostname: string;
  /** `#cloud-config`, `#!` script, or anything else that the image understands. */
  readonly userData?: string;
  /** More meta-data members; `instance-id` and `local-hostname` come from above. */
  readonly metaData?: Readonly<Record<string, unknown>>;
  readonly networkConfig?: string;
  readonly vendorData?: string;
  /** Documents by name, word for word: in place of what would be made from the above, or beside it. */
  readonly documents?: Readonly<Record<string, string>>;
}

/** Boots a kernel directly, in place of the boot sector of the first disk. */
export interface KernelBoot {
  readonly path: string;
  readonly initrd?: string;
  readonly cmdline?: string;
}

/** A disk beside the boot disk; the guest sees them in this order after it. */
export interface ExtraDisk {
  /** Serial number in the guest (/dev/disk/by-id/virtio-<name>). */
  readonly name: string;
  /** Image it starts from; empty when absent. */
  readonly image?: string;
  /** Needed when there is no image. */
  readonly sizeMib?: number;
  readonly readOnly?: boolean;
}

/** What a virtual machine is. Plain data; stored as JSON beside its disks. */
export interface VmSpec {
  readonly id: string;
  readonly cpus: number;
  readonly memoryMib: number;
  /** As many processors can be plugged in while it runs; default: none. */
  readonly maxCpus?: number;
  /** Up to this much memory can be given to it while it runs; default: none. */
  readonly maxMemoryMib?: number;
  /**
   * Absolute path, file:// URL, or http(s):// URL with an optional #md5: or #sha256: digest. Never written to. Empty: the
   * boot disk is empty, and `diskMib` is its size.
   */
  readonly image: string;
  /** Size of the boot disk; default: that of the image. */
  readonly diskMib?: number;
  /** The guest cannot write to the boot disk. */
  readonly bootReadOnly?: true;
  /** The machine ends when its guest reboots or its kernel gives up, in place of booting again. */
  readonly endsOnReset?: true;
  readonly nics: readonly Nic[];
  readonly cloudInit?: CloudInit;
  readonly kernel?: KernelBoot;
  readonly extraDisks?: readonly ExtraDisk[];
  /**
   * Default `q35`, a PC. A `microvm` starts with less firmware and has no PCI bus: it boots a kernel directly, and
   * nothing can be plugged into it while it runs.
   */
  readonly machine?: 'q35' | 'microvm';
  /** Generation of a q35's hardware, such as `7.2`, so that a newer QEMU does not change it; default: the newest. */
  readonly machineVersion?: string;
  /** A screen, keyboard and pointer, to be looked at over VNC. Not for a microvm. */
  readonly display?: 'vnc';
  /** The caller's own notes, given back by status and list. */
  readonly labels?: Readonly<Record<string, string>>;
}

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const DISK_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,19}$/;

/** Slots for virtio devices of a microVM with a second interrupt controller. */
const MICROVM_SLOTS = 24;

/** @throws vmSpecInvalid naming the first wrong field. */
export function checkSpec(spec: VmSpec): void {
  const need = specRule(spec.id);
  const whole = (field: string, value: number, min: number, max: number) =>
    need(
      Number.isInteger(value) && value >= min && value <= max,
      field,
      `a whole number from ${min} to ${max}`,
      value,
    );

  checkId(spec.id);
  whole('cpus', spec.cpus, 1, 255);
  whole('memoryMib', spec.memoryMib, 16, 4 * 1024 * 1024);
  if (spec.maxCpus !== undefined) whole('maxCpus', spec.maxCpus, spec.cpus, 255);
  if (spec.maxMemoryMib !== undefined) {
    whole('maxMemoryMib', spec.maxMemoryMib, spec.memoryMib, 4 * 1024 * 1024);
    const even = (spec.maxMemoryMib - spec.memoryMib) % 2 === 0;
    need(even, 'maxMemoryMib', 'an even number of MiB above memoryMib', spec.maxMemoryMib);
  }
  const bootable = spec.image !== '' || spec.diskMib !== undefined;
  need(bootable, 'image', 'a path or URL, unless diskMib is the size of an empty disk', spec.image);
  if (spec.diskMib !== undefined) whole('diskMib', spec.diskMib, 1, 64 * 1024 * 1024);
  checkNics(spec.nics, need);
  const { machineVersion } = spec;
  if (machineVersion !== undefined) {
    need(isVersion(machineVersion), 'machineVersion', 'two numbers such as 7.2', machineVersion);
    need(spec.machine !== 'microvm', 'machineVersion', 'absent for a microvm', machineVersion);
  }

  const names = new Set<string>();
  (spec.extraDisks ?? []).forEach((disk, i) => {
    const field = `extraDisks[${i}]`;
    need(
      DISK_NAME.test(disk.name) && !names.has(disk.name),
      `${field}.name`,
      `unique and match ${DISK_NAME.source}`,
      disk.name,
    );
    names.add(disk.name);
    need(
      disk.image !== undefined || disk.sizeMib !== undefined,
      `${field}.sizeMib`,
      'given when there is no image',
      disk.sizeMib,
    );
    if (disk.sizeMib !== undefined) whole(`${field}.sizeMib`, disk.sizeMib, 1, 64 * 1024 * 1024);
  });

  if (spec.kernel) {
    need(isAbsolute(spec.kernel.path), 'kernel.path', 'an absolute path', spec.kernel.path);
    const { initrd } = spec.kernel;
    if (initrd !== undefined) need(isAbsolute(initrd), 'kernel.initrd', 'an absolute path', initrd);
  }
  if (spec.machine === 'microvm') checkMicrovm(spec, need);
  else if (spec.machine !== undefined)
    need(spec.machine === 'q35', 'machine', 'q35 or microvm', spec.machine);
  if (spec.display !== undefined) {
    need(spec.display === 'vnc', 'display', 'vnc', spec.display);
    need(spec.machine !== 'microvm', 'display', 'absent for a microvm', spec.display);
  }
  if (spec.cloudInit) {
    const { instanceId, hostname } = spec.cloudInit;
    need(
      /^[\x21-\x7e]{1,255}$/.test(instanceId),
      'cloudInit.instanceId',
      '1 to 255 printable characters',
      instanceId,
    );
    need(
      /^[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$/.test(hostname),
      'cloudInit.hostname',
      'a host name of at most 63 characters',
      hostname,
    );
  }
}

/** A generation of hardware as QEMU counts them. */
export function isVersion(text: string): boolean {
  return /^\d{1,3}\.\d{1,3}$/.test(text);
}

/** A check that throws vmSpecInvalid for a machine when it does not hold. */
export function specRule(id: string): SpecRule {
  return (ok, field, rule, value) => {
    if (!ok)
      throw fail(qemuErrors.vmSpecInvalid, { id, field, rule, value: JSON.stringify(value) ?? 'nothing' });
  };
}

/** Its firmware reads no disk, and every device takes one of a fixed number of slots. */
function checkMicrovm(spec: VmSpec, need: SpecRule): void {
  need(spec.kernel !== undefined, 'kernel', 'given for a microvm, which boots no disk', spec.kernel);
  const hot = spec.maxCpus ?? spec.maxMemoryMib;
  need(hot === undefined, 'maxCpus and maxMemoryMib', 'absent for a microvm, which takes no plugs', hot);
  spec.nics.forEach(({ model = 'virtio' }, i) => {
    need(model === 'virtio', `nics[${i}].model`, 'virtio for a microvm', model);
  });
  const disks = 1 + (spec.extraDisks?.length ?? 0) + (spec.cloudInit ? 1 : 0);
  const devices = disks + spec.nics.length + 2;
  const rule = `few enough that disks, NICs, the random source and the agent's channel fill at most ${MICROVM_SLOTS} slots`;
  need(devices <= MICROVM_SLOTS, 'extraDisks', rule, devices);
}

/** The id names a directory, so it is checked wherever one comes in. */
export function checkId(id: string): void {
  if (ID.test(id) && id !== '.' && id !== '..') return;
  throw fail(qemuErrors.vmSpecInvalid, {
    id,
    field: 'id',
    rule: `text that matches ${ID.source}`,
    value: JSON.stringify(id),
  });
}
