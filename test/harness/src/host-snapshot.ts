import { readdirSync, readFileSync } from 'node:fs';
import { runCommand } from './run-command.js';

/** What a workload may leave behind on a host. */
export interface HostSnapshot {
  /** Command lines of processes that mention the folder. */
  readonly processes: readonly string[];
  /** Mount points below the folder. */
  readonly mounts: readonly string[];
  /** Network interfaces, of the whole host. */
  readonly interfaces: readonly string[];
  /** Lines of the packet filter's NAT table, of the whole host. */
  readonly natRules: readonly string[];
}

/** What a test that cleans up has added. */
export const NOTHING_LEFT: HostSnapshot = { processes: [], mounts: [], interfaces: [], natRules: [] };

/** Looks at the host with regard to a folder. */
export async function hostSnapshot(folder: string): Promise<HostSnapshot> {
  const rules = await runCommand('iptables-save', ['-t', 'nat']);
  return {
    processes: commandLines().filter((line) => line.includes(folder)),
    mounts: readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[1] ?? '')
      .filter((mount) => mount.startsWith(folder)),
    interfaces: readdirSync('/sys/class/net').sort(),
    // Comments carry the time, counters change, and empty chains stay once netavark has made them.
    natRules: rules.stdout.split('\n').filter((line) => line.startsWith('-A')),
  };
}

function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .map((pid) => {
      try {
        return `${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()}`;
      } catch {
        return ''; // it has ended
      }
    });
}

/** What the second snapshot has that the first has not. */
export function newSince(before: HostSnapshot, after: HostSnapshot): HostSnapshot {
  const added = (a: readonly string[], b: readonly string[]) => b.filter((line) => !a.includes(line));
  return {
    processes: added(before.processes, after.processes),
    mounts: added(before.mounts, after.mounts),
    interfaces: added(before.interfaces, after.interfaces),
    natRules: added(before.natRules, after.natRules),
  };
}

/**
 * What a test has added since `before`, for it to be {@link NOTHING_LEFT}. The test's folder goes.
 * @throws `failure`, with which the test itself has ended: what that leaves behind must not hide it
 */
export async function leftBehind(
  before: HostSnapshot,
  dir: { readonly path: string; remove(): void },
  failure: unknown,
): Promise<HostSnapshot> {
  const left = newSince(before, await hostSnapshot(dir.path));
  dir.remove();
  if (failure !== undefined) throw failure;
  return left;
}
