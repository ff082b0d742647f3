/** Network namespaces that nobody owns: what a podman killed in the middle of a start leaves behind. */
import { readdir, readlink, stat } from 'node:fs/promises';
import { type Clock, type Logger, sleep } from '@edgeplane/base';
import { runCommand } from './commands.js';

const NETNS_DIR = '/run/netns';
/**
 * A namespace that has neither a process nor an interface may be one that some podman of the host, perhaps not ours,
 * is just setting up. That takes well below a second; after this long nobody is.
 */
const SETTLE_MS = 5_000;

/** Podman's names; those that people give look different. */
const PODMAN_NAME = /^netns-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Whether this process sees the mounts that another one sees, as far as can be told. Where it does not, as behind `unshare
 * --mount`, namespaces that others of the host have made since look like files that never became any, and removing the file
 * would take them from their containers.
 */
export async function sharesMounts(pid: number): Promise<boolean> {
  const mountsOf = (id: number | 'self') => readlink(`/proc/${id}/ns/mnt`).catch(() => '');
  const [own, theirs] = [await mountsOf('self'), await mountsOf(pid)];
  // Some hosts do not show it of their first process.
  return own === '' || theirs === '' || own === theirs;
}

/** Removes namespaces on a bridge of ours that no container of ours has, and empty ones nobody has. */
export async function sweepNamespaces(
  bridges: readonly string[],
  live: ReadonlySet<string>,
  clock: Clock,
  logger: Logger,
): Promise<void> {
  const remove = async (name: string) => {
    logger.info({ namespace: name }, 'Removing a network namespace no container owns');
    await runCommand('ip', ['netns', 'delete', name]);
  };
  for (const name of await namespacesOn(bridges)) {
    if (!live.has(`${NETNS_DIR}/${name}`)) await remove(name);
  }
  const empty = await emptyNamespaces(live);
  if (empty.length === 0 || !(await sharesMounts(1))) return;
  await sleep(clock, SETTLE_MS);
  const still = new Set(await emptyNamespaces(live));
  for (const name of empty.filter((n) => still.has(n))) await remove(name);
}

/** Names of the namespaces whose interface is on one of the bridges. */
async function namespacesOn(bridges: readonly string[]): Promise<string[]> {
  const ids = jsonList(await runCommand('ip', ['-j', 'netns', 'list-id']));
  const names: string[] = [];
  for (const bridge of bridges) {
    for (const port of jsonList(await runCommand('ip', ['-j', 'link', 'show', 'master', bridge]))) {
      const name = ids.find((id) => id['nsid'] === port['link_netnsid'])?.['name'];
      if (typeof name === 'string') names.push(name);
    }
  }
  return names;
}

/** Namespaces made by some podman that hold no process and no interface but the loopback. */
export async function emptyNamespaces(live: ReadonlySet<string> = new Set()): Promise<string[]> {
  const names = (await readdir(NETNS_DIR).catch(() => [])).filter((name) => PODMAN_NAME.test(name));
  if (names.length === 0) return [];
  const used = await namespacesOfProcesses();
  const empty: string[] = [];
  for (const name of names) {
    const path = `${NETNS_DIR}/${name}`;
    const inode = await stat(path).then(
      (s) => s.ino,
      () => undefined,
    );
    if (live.has(path) || inode === undefined || used.has(inode)) continue;
    const links = await runCommand('ip', ['-n', name, '-j', 'link']);
    // A file that never became a namespace cannot be entered: it is left over too.
    if (links.code !== 0 || jsonList(links).every((link) => link['ifname'] === 'lo')) empty.push(name);
  }
  return empty;
}

async function namespacesOfProcesses(): Promise<Set<number>> {
  const inodes = new Set<number>();
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const target = await readlink(`/proc/${pid}/ns/net`).catch(() => '');
    inodes.add(Number(/\d+/.exec(target)?.[0] ?? 0));
  }
  return inodes;
}

function jsonList(result: { code: number; stdout: string }): Record<string, unknown>[] {
  if (result.code !== 0 || result.stdout.trim() === '') return [];
  const value: unknown = JSON.parse(result.stdout);
  return Array.isArray(value) ? value.filter((v) => typeof v === 'object' && v !== null) : [];
}
