import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What there is on a host because of a folder, and of the kind that the driver makes. */
export interface HostState {
  /** Programs, by name and machine. */
  readonly processes: readonly string[];
  readonly links: readonly string[];
  readonly mounts: readonly string[];
  readonly rules: readonly string[];
  /** Below the folder, without what podman and the tests keep of images. */
  readonly files: readonly string[];
}

/** Records and machines. */
const OWN = /(^|\/)(clusters|apps|qemu)\//;
/** What outlives machines: images, what was found out of the host, folders. */
const KEPT = /\/(images|base)\/|\/(accelerator\.json|vms)$/;

export async function hostState(folder: string): Promise<HostState> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8'))
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  const { stdout: rules } = await run('iptables-save', []);
  const files = await readdir(folder, { recursive: true }).catch(() => []);
  return {
    processes: (await commandLines()).filter((line) => line.includes(folder)),
    links: (await readdir('/sys/class/net')).filter((name) => name.startsWith('ep')),
    mounts: mounts.filter((mount) => mount.startsWith(folder)),
    rules: rules.split('\n').filter((line) => line.startsWith('-A')),
    files: files.filter((name) => OWN.test(name) && !KEPT.test(name)),
  };
}

async function commandLines(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  const lines = pids.map((pid) =>
    readFile(`/proc/${pid}/cmdline`, 'utf8').then(
      (text) => text.replaceAll('\0', ' ').trim(),
      () => '',
    ),
  );
  return Promise.all(lines);
}

/** What the second has and the first has not, one line each. */
export function addedSince(before: HostState, after: HostState): string[] {
  return (Object.keys(after) as (keyof HostState)[]).flatMap((kind) => {
    const known = new Set(before[kind]);
    return after[kind].filter((one) => !known.has(one)).map((one) => `${kind}: ${one.slice(0, 200)}`);
  });
}

/** Machines that run for the folder. */
export const machinesOf = ({ processes }: HostState): number =>
  processes.filter((line) => /^\S*qemu-system/.test(line)).length;
