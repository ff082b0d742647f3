import { runTool } from './tools.js';

/** Generations of q35 hardware that a QEMU has, oldest first, such as `6.2` and `7.2`. */
export async function machineVersions(command: string): Promise<readonly string[]> {
  const { stdout } = await runTool(command, ['-machine', 'help']);
  return versionsIn(stdout);
}

/** Reads the list of machines. */
export function versionsIn(help: string): readonly string[] {
  const versions = [...help.matchAll(/^pc-q35-(\d+\.\d+)\s/gm)].map(([, version]) => version ?? '');
  return versions.sort((a, b) => (olderThan(a, b) ? -1 : 1));
}

/** The newest of versions in order; empty when there is none. */
export function newest(versions: readonly string[]): string {
  return versions.at(-1) ?? '';
}

/** By number: 7.2 is older than 10.0. */
export function olderThan(a: string, b: string): boolean {
  const [[majorA = 0, minorA = 0], [majorB = 0, minorB = 0]] = [numbers(a), numbers(b)];
  return majorA < majorB || (majorA === majorB && minorA < minorB);
}

function numbers(version: string): readonly number[] {
  return version.split('.').map(Number);
}
