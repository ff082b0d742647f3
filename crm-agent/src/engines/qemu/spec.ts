import { isIPv4 } from 'node:net';
import { isAbsolute } from 'node:path';
import { fail } from '@edgeplane/base';
import { qemuErrors } from './errors.js';

/** One port of the host that leads into the guest. */
export interface HostForward {
  readonly proto: 'tcp' | 'udp';
  /** IPv4 address to listen on; `0.0.0.0` for all. */
  readonly hostAddr: string;
  readonly hostPort: number;
  readonly guestPort: number;
}

/** Content of the NoCloud seed volume. Only the guest reads it. */
export interface CloudInit {
  readonly instanceId: string;
  readonly hostname: string;
  /** `#cloud-config`, `#!` script, or anything else that the image understands. */
  readonly userData?: string;
  /** More meta-data members; `instance-id` and `local-hostname` come from above. */
  readonly metaData?: Readonly<Record<string, string>>;
  readonly networkConfig?: string;
  readonly vendorData?: string;
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
  /** Absolute path, file:// URL, or http(s):// URL with an optional #md5: or #sha256: digest. Never written to. */
  readonly image: string;
  /** Size of the boot disk; default: that of the image. */
  readonly diskMib?: number;
  readonly forwards: readonly HostForward[];
  readonly cloudInit?: CloudInit;
  readonly kernel?: KernelBoot;
  readonly extraDisks?: readonly ExtraDisk[];
  readonly mac?: string;
  /** The caller's own notes, given back by status and list. */
  readonly labels?: Readonly<Record<string, string>>;
}

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const DISK_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,19}$/;
const MAC = /^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i;

/** @throws vmSpecInvalid naming the first wrong field. */
export function checkSpec(spec: VmSpec): void {
  const need = (ok: boolean, field: string, rule: string, value: unknown) => {
    if (!ok)
      throw fail(qemuErrors.vmSpecInvalid, {
        id: spec.id,
        field,
        rule,
        value: JSON.stringify(value) ?? 'nothing',
      });
  };
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
  need(spec.image !== '', 'image', 'a path or URL', spec.image);
  if (spec.diskMib !== undefined) whole('diskMib', spec.diskMib, 1, 64 * 1024 * 1024);
  if (spec.mac !== undefined)
    need(MAC.test(spec.mac), 'mac', 'a unicast address such as 52:54:00:12:34:56', spec.mac);

  const seen = new Set<string>();
  spec.forwards.forEach((forward, i) => {
    const field = `forwards[${i}]`;
    need(forward.proto === 'tcp' || forward.proto === 'udp', `${field}.proto`, 'tcp or udp', forward.proto);
    need(isIPv4(forward.hostAddr), `${field}.hostAddr`, 'an IPv4 address', forward.hostAddr);
    whole(`${field}.hostPort`, forward.hostPort, 1, 65535);
    whole(`${field}.guestPort`, forward.guestPort, 1, 65535);
    const key = `${forward.proto}:${forward.hostAddr}:${forward.hostPort}`;
    need(!seen.has(key), `${field}.hostPort`, 'given once', key);
    seen.add(key);
  });

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
