import { readdir, readFile, rmdir } from 'node:fs/promises';
import type { Clock } from '@edgeplane/base';
import { until } from './commands.js';

/** How long what ended may take to leave its group, milliseconds. */
const LEAVE_MS = 2000;

/** Podman's parent group in each hierarchy. */
async function parentGroups(): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  const mounts = table.split('\n').filter((line) => / - cgroup2? /.test(line));
  return mounts.map((line) => `${line.split(' ')[4] ?? ''}/libpod_parent`);
}

/**
 * Removes the groups of pods that podman has removed. It tries that itself while their monitors are still ending, says so in
 * its log, and leaves them. The kernel refuses to remove what is in use.
 */
export async function removePodGroups(ids: readonly string[], clock: Clock): Promise<void> {
  if (ids.length === 0) return;
  const parents = await parentGroups();
  const groups = parents.flatMap((parent) => ids.map((id) => `${parent}/${id}`));
  await until(clock, LEAVE_MS, async () => (await Promise.all(groups.map(removeTree))).every(Boolean));
}

/** Removes podman's parent groups with all that is empty in them: for when no podman of this host has a container. */
export async function removeEmptyGroups(): Promise<void> {
  for (const parent of await parentGroups()) await removeTree(parent);
}

/** True when there is none any more. */
async function removeTree(dir: string): Promise<boolean> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeTree(`${dir}/${entry.name}`);
  return rmdir(dir).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  );
}
