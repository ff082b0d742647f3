import { isAbsolute, resolve } from 'node:path';
import type { FlagSpec, FlagValues } from '@edgeplane/base';
import { parseAddress } from '@edgeplane/rpc';
import { settingInvalid } from '../../errors.js';
import { NetGuard } from './net-guard.js';

export interface VirtrigaudSettings {
  /** Below it is a folder for each claim that `pvc://` names. */
  readonly pvcDir: string;
  /** Folders whose files `file://` may name, absolute. */
  readonly fileDirs: readonly string[];
  /** Hosts that may be connected to although their addresses are this host's or of its links, with a port or without. */
  readonly allowedHosts: readonly string[];
  /** Where screens of machines are shown over WebSocket; empty: machines have none. */
  readonly consoleAddr: string;
  /** Largest file that is fetched, bytes. */
  readonly maxFetchBytes: number;
}

const text = (fallback: string, about: string) => ({ type: 'string', default: fallback, about }) as const;

/** What the command line says of VirtRigaud's API beside where it is and who may call it. */
export const VIRTRIGAUD_FLAGS = {
  virtrigaudPvcDir: text(
    '/mnt/migration-storage',
    'folder with one for each claim of pvc:// addresses of disks',
  ),
  virtrigaudFileDirs: text(
    '',
    'folders, comma-separated, whose files file:// addresses of disks may name; empty: none',
  ),
  virtrigaudAllowedHosts: text(
    '',
    'hosts, comma-separated, each with a port or without, that disks and images may come from and go to although they are this host or on its links',
  ),
  virtrigaudConsoleAddr: text(
    '',
    'address of the gateway to the screens of virtual machines, loopback when it names no host; empty: they have none',
  ),
  virtrigaudMaxFetch: {
    type: 'number',
    default: '1024',
    about: 'largest disk or image that is fetched, GiB',
  },
} as const satisfies Record<string, FlagSpec>;

/** @throws INVALID_SETTING, ADDRESS_INVALID, FIELD_INVALID */
export function virtrigaudSettings(
  values: FlagValues<typeof VIRTRIGAUD_FLAGS>,
  { cwd }: { readonly cwd: string },
): VirtrigaudSettings {
  const list = (value: string) =>
    value
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  const fileDirs = list(values.virtrigaudFileDirs);
  const relative = fileDirs.find((dir) => !isAbsolute(dir));
  if (relative !== undefined)
    throw settingInvalid('--virtrigaud-file-dirs', 'must be absolute paths', relative);
  const allowedHosts = list(values.virtrigaudAllowedHosts);
  // Its rules are the guard's own.
  new NetGuard(allowedHosts);
  const { virtrigaudConsoleAddr: consoleAddr, virtrigaudMaxFetch: gib } = values;
  if (consoleAddr !== '') parseAddress(consoleAddr);
  if (!(gib > 0)) throw settingInvalid('--virtrigaud-max-fetch', 'must be more than 0', gib);
  return {
    pvcDir: resolve(cwd, values.virtrigaudPvcDir),
    fileDirs: fileDirs.map((dir) => resolve(dir)),
    ...{ allowedHosts, consoleAddr, maxFetchBytes: gib * 1024 ** 3 },
  };
}
