import { readFile } from 'node:fs/promises';
import { isThere } from '@edgeplane/base';
import { findProgram, runCommand } from './commands.js';

export interface Availability {
  readonly ok: boolean;
  /** Debian packages to install. */
  readonly missing: readonly string[];
  /** Why it cannot work although nothing is missing. */
  readonly reason?: string;
}

interface Requirement {
  readonly package: string;
  /** Any one of these programs will do. */
  readonly programs: readonly string[];
}

const HELPERS = ['/usr/lib/podman', '/usr/libexec/podman'];

const REQUIREMENTS: readonly Requirement[] = [
  { package: 'podman', programs: ['podman'] },
  { package: 'conmon', programs: ['conmon'] },
  { package: 'runc', programs: ['runc', 'crun'] },
  { package: 'catatonit', programs: ['catatonit'] },
  { package: 'netavark', programs: ['netavark'] },
  { package: 'aardvark-dns', programs: ['aardvark-dns'] },
  { package: 'iptables', programs: ['iptables'] },
  { package: 'iproute2', programs: ['ip'] },
  { package: 'util-linux', programs: ['nsenter'] },
  { package: 'tar', programs: ['tar'] },
];

/** Podman reads who may sign images from here and refuses every image without it. */
const POLICY = '/etc/containers/policy.json';

/** True for a program that needs no shared library: it has no program header of type PT_INTERP. */
export function isStaticElf(image: Buffer): boolean {
  if (image.length < 64 || image.readUInt32BE(0) !== 0x7f454c46 || image[4] !== 2) return false;
  const offset = Number(image.readBigUInt64LE(32));
  const size = image.readUInt16LE(54);
  const count = image.readUInt16LE(56);
  for (let i = 0; i < count; i++) {
    const at = offset + i * size;
    if (at + 4 > image.length || image.readUInt32LE(at) === 3) return false;
  }
  return true;
}

/** Path of a busybox that runs in an empty image. */
export async function staticBusybox(): Promise<string | undefined> {
  const path = await findProgram('busybox');
  if (path === undefined) return undefined;
  return isStaticElf(await readFile(path)) ? path : undefined;
}

/** Which Debian packages this host lacks for running containers. Looks only; installs and runs nothing. */
export async function available(): Promise<Availability> {
  const missing: string[] = [];
  for (const need of REQUIREMENTS) {
    const found = await Promise.all(need.programs.map((name) => findProgram(name, HELPERS)));
    if (found.every((path) => path === undefined)) missing.push(need.package);
  }
  if ((await staticBusybox()) === undefined) missing.push('busybox-static');
  const policy = await isThere(POLICY);
  if (!policy) missing.push('golang-github-containers-common');
  const root = process.geteuid?.() === 0;
  return {
    ok: missing.length === 0 && root,
    missing,
    ...(root ? {} : { reason: 'containers with limits and published ports need root' }),
  };
}

/** What a remembered probe depends on: another boot, kernel, process limit or version of a program asks for a new one. */
export async function hostFingerprint(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => 'unknown');
  const kernel = await readFile('/proc/sys/kernel/osrelease', 'utf8').catch(() => 'unknown');
  const versions: string[] = [];
  for (const name of ['podman', 'conmon', 'runc', 'crun', 'netavark', 'slirp4netns', 'fuse-overlayfs']) {
    const path = await findProgram(name, HELPERS);
    const text = path === undefined ? 'absent' : (await runCommand(path, ['--version'])).stdout;
    versions.push(`${name}: ${text.split('\n')[0] ?? ''}`);
  }
  // Our own hard limits bound those of containers.
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const bounds = limits.split('\n').filter((line) => /^Max (open files|processes) /.test(line));
  return [boot.trim(), kernel.trim(), ...bounds, ...versions].join('\n');
}
