import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock, Logger } from '@edgeplane/base';
import { endProcesses, findProcesses, runCommand, runsProgram, until } from './commands.js';
import { hasSharedChains, type NetworkUse, sharedChainRules, staleRules } from './firewall.js';
import type { PodmanLayout } from './layout.js';

/** What of podman's host-wide furniture was there before our first start in this boot; shutdown restores that. */
interface Baseline {
  readonly netnsMounted: boolean;
  readonly sharedChains: boolean;
}

/** One of our networks, with the bridge the kernel shows for it. */
export interface OwnNetwork extends NetworkUse {
  readonly bridge: string;
}

/** Where netavark's name server keeps one file for each network; the same for every podman of the host. */
const AARDVARK_DIR = '/run/containers/networks/aardvark-dns';
const NETNS_DIR = '/run/netns';

/** Puts a file in place whole or not at all. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(`${path}.${process.pid}.new`, text, { mode: 0o600 });
  await rename(`${path}.${process.pid}.new`, path);
}

/** Mount points at or below one of `dirs`, the latest mount first. */
export async function mountsBelow(dirs: readonly string[]): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  const points = table
    .split('\n')
    .map((line) => (line.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, code: string) => octalChar(code)));
  return points.filter((point) => dirs.some((d) => point === d || point.startsWith(`${d}/`))).reverse();
}

const octalChar = (code: string): string => String.fromCharCode(Number.parseInt(code, 8));

export async function unmountBelow(dirs: readonly string[], logger: Logger): Promise<void> {
  for (const point of await mountsBelow(dirs)) {
    const plain = await runCommand('umount', [point]);
    if (plain.code === 0) continue;
    const lazy = await runCommand('umount', ['-l', point]);
    if (lazy.code !== 0) logger.warn({ mount: point, reason: lazy.stderr }, 'Mount stays');
  }
}

const savedRules = async (): Promise<string> => (await runCommand('iptables-save', [])).stdout;

export async function takeBaseline(layout: PodmanLayout): Promise<void> {
  const known = await readFile(layout.baselineFile, 'utf8').catch(() => undefined);
  if (known !== undefined) return;
  const baseline: Baseline = {
    netnsMounted: (await mountsBelow([NETNS_DIR])).includes(NETNS_DIR),
    sharedChains: hasSharedChains(await savedRules()),
  };
  await replaceFile(layout.baselineFile, JSON.stringify(baseline));
}

async function applySteps(steps: readonly (readonly string[])[], logger: Logger): Promise<void> {
  for (const step of steps) {
    // Two podmans may change the table at once: -w waits for the lock.
    const result = await runCommand('iptables', ['-w', '10', ...step]);
    if (result.code !== 0) logger.warn({ step: step.join(' '), reason: result.stderr }, 'Rule stays');
  }
}

/** Removes what a killed podman left on the network side: namespaces, rules, bridges and name-server files of `networks`. */
export async function sweepNetworks(
  networks: readonly OwnNetwork[],
  liveNamespaces: ReadonlySet<string>,
  logger: Logger,
): Promise<void> {
  const ids = jsonList(await runCommand('ip', ['-j', 'netns', 'list-id']));
  for (const network of networks) {
    const ports = jsonList(await runCommand('ip', ['-j', 'link', 'show', 'master', network.bridge]));
    for (const port of ports) {
      const name = ids.find((id) => id['nsid'] === port['link_netnsid'])?.['name'];
      if (typeof name !== 'string' || liveNamespaces.has(`${NETNS_DIR}/${name}`)) continue;
      logger.info({ namespace: name, network: network.name }, 'Removing a namespace no container owns');
      await runCommand('ip', ['netns', 'delete', name]);
    }
  }
  await applySteps(staleRules(await savedRules(), networks), logger);
  let zones = false;
  for (const network of networks.filter((n) => n.liveIds.size === 0)) {
    await runCommand('ip', ['link', 'delete', network.bridge]);
    const file = `${AARDVARK_DIR}/${network.name}`;
    zones ||= await rm(file).then(
      () => true,
      () => false,
    );
  }
  if (zones) await reloadNameServer();
}

/** On SIGHUP the name server reads its files again, and ends when there are none. */
async function reloadNameServer(): Promise<void> {
  const pid = Number(await readFile(`${AARDVARK_DIR}/aardvark.pid`, 'utf8').catch(() => '0'));
  if (pid > 1 && (await runsProgram(pid, 'aardvark-dns'))) process.kill(pid, 'SIGHUP');
}

function jsonList(result: { code: number; stdout: string }): Record<string, unknown>[] {
  if (result.code !== 0 || result.stdout.trim() === '') return [];
  const value: unknown = JSON.parse(result.stdout);
  return Array.isArray(value) ? value.filter((v) => typeof v === 'object' && v !== null) : [];
}

/** Processes that name this state directory's storage: podman itself, its exit commands, conmon. */
const processesOf = (layout: PodmanLayout, also: (argv: readonly string[]) => boolean = () => true) =>
  findProcesses(
    (argv) => also(argv) && argv.some((w) => w === layout.root || w === `unix://${layout.socket}`),
  );

/**
 * The last step of a shutdown, when no container runs any more: waits for podman's own exit commands, ends what
 * hangs, unmounts, and takes away the host-wide furniture that was not there before us.
 */
export async function sweepHost(layout: PodmanLayout, clock: Clock, logger: Logger): Promise<void> {
  // The conmon of an exec waits for somebody to ask for its result; nobody will.
  const lingering = await processesOf(layout, (argv) => argv.includes('--exit-delay'));
  await endProcesses(lingering, 1_000, clock);
  const quiet = await until(clock, 5_000, async () => (await processesOf(layout)).length === 0);
  if (!quiet) await endProcesses(await processesOf(layout), 1_000, clock);
  await unmountBelow([layout.root, layout.runRoot, layout.tmpDir], logger);
  const text = await readFile(layout.baselineFile, 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const baseline = JSON.parse(text) as Baseline;
  if (!baseline.sharedChains) await applySteps(sharedChainRules(await savedRules()), logger);
  if (!baseline.netnsMounted) await unmountEmptyNetns();
  await removeEmptyCgroups();
  await rm(layout.baselineFile, { force: true });
}

/** The bind mount of the namespace directory on itself; left alone while any namespace is in it. */
async function unmountEmptyNetns(): Promise<void> {
  const mounts = await mountsBelow([NETNS_DIR]);
  const other = await runCommand('ip', ['netns', 'list']);
  if (mounts.some((m) => m !== NETNS_DIR) || other.stdout.trim() !== '') return;
  for (const point of mounts) await runCommand('umount', [point]);
}

/** Podman's parent groups, which it leaves behind empty. The kernel refuses to remove one that is in use. */
async function removeEmptyCgroups(): Promise<void> {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  const groups = table
    .split('\n')
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => `${line.split(' ')[4] ?? ''}/libpod_parent`);
  for (const group of groups) {
    const inside = await readdir(group, { withFileTypes: true }).catch(() => []);
    for (const entry of inside) {
      if (entry.isDirectory()) await rmdir(`${group}/${entry.name}`).catch(() => undefined);
    }
    await rmdir(group).catch(() => undefined);
  }
}
