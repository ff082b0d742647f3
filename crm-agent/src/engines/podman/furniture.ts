/**
 * What every podman of a host shares and none removes: netavark's chains, the mount of the namespace directory and
 * the parent control groups. The first of our agents notes what was there before; the last to leave restores that.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import type { Logger } from '@edgeplane/base';
import { removeEmptyGroups } from './cgroups.js';
import { findProcesses, isAlive, type ProcessId, runCommand } from './commands.js';
import { mountsBelow, replaceFile } from './files.js';
import { type FirewallStep, hasSharedChains, sharedChainRules } from './firewall.js';
import { type PodmanLayout, shortHash } from './layout.js';

interface Site {
  readonly boot: string;
  /** Storage and lock of the agent, by which one sees whether it still uses the furniture. */
  readonly root: string;
  readonly lockFile: string;
  readonly netnsMounted: boolean;
  readonly sharedChains: boolean;
}

/** One file for each agent of the host. */
const SITES = '/run/edgeplane/podman-sites';
const NETNS_DIR = '/run/netns';

const siteFile = (layout: PodmanLayout): string => `${SITES}/${shortHash(layout.stateDir)}.json`;
const savedRules = async (): Promise<string> => (await runCommand('iptables-save', [])).stdout;
const bootId = (): Promise<string> => readFile('/proc/sys/kernel/random/boot_id', 'utf8');

export async function noteFurniture(layout: PodmanLayout): Promise<void> {
  const boot = await bootId();
  const sites = (await readSites()).filter((site) => site.boot === boot);
  if (sites.some((site) => site.root === layout.root)) return;
  // What another of ours found is older, so truer, than what is to be seen now.
  const found = sites[0] ?? {
    netnsMounted: (await mountsBelow([NETNS_DIR])).includes(NETNS_DIR),
    sharedChains: hasSharedChains(await savedRules()),
  };
  const { netnsMounted, sharedChains } = found;
  const site: Site = { boot, root: layout.root, lockFile: layout.lockFile, netnsMounted, sharedChains };
  await replaceFile(siteFile(layout), JSON.stringify(site));
}

/** For an agent whose containers have all stopped. */
export async function restoreFurniture(layout: PodmanLayout, logger: Logger): Promise<void> {
  const sites = await readSites();
  const own = sites.find((site) => site.root === layout.root);
  if (!own) return;
  await rm(siteFile(layout), { force: true });
  for (const other of sites) {
    if (other.root === own.root) continue;
    if (other.boot === own.boot && (await isUsed(other))) return;
    // Left by an agent that was killed and never came back.
    await rm(`${SITES}/${shortHash(stateDirOf(other))}.json`, { force: true });
  }
  if (!own.sharedChains) await applySteps(sharedChainRules(await savedRules()), logger);
  if (!own.netnsMounted) await unmountEmptyNetns();
  await removeEmptyGroups();
}

const stateDirOf = (site: Site): string => site.root.replace(/\/[^/]*$/, '');

async function isUsed(site: Site): Promise<boolean> {
  const text = await readFile(site.lockFile, 'utf8').catch(() => undefined);
  if (text !== undefined && (await isAlive(JSON.parse(text) as ProcessId))) return true;
  return (await findProcesses((argv) => argv.includes(site.root))).length > 0;
}

async function readSites(): Promise<Site[]> {
  const names = (await readdir(SITES).catch(() => [])).filter((name) => name.endsWith('.json'));
  const texts = await Promise.all(
    names.map((name) => readFile(`${SITES}/${name}`, 'utf8').catch(() => 'null')),
  );
  return texts.map((text) => JSON.parse(text) as Site | null).filter((site) => site !== null);
}

export async function applySteps(steps: readonly FirewallStep[], logger: Logger): Promise<void> {
  for (const step of steps) {
    // Two podmans may change the table at once: -w waits for the lock.
    const result = await runCommand('iptables', ['-w', '10', ...step]);
    if (result.code !== 0) logger.warn({ step: step.join(' '), reason: result.stderr }, 'Rule stays');
  }
}

/** The bind mount of the namespace directory on itself; left alone while any namespace is in it. */
async function unmountEmptyNetns(): Promise<void> {
  const mounts = await mountsBelow([NETNS_DIR]);
  const other = await runCommand('ip', ['netns', 'list']);
  if (mounts.some((m) => m !== NETNS_DIR) || other.stdout.trim() !== '') return;
  for (const point of mounts) await runCommand('umount', [point]);
}
