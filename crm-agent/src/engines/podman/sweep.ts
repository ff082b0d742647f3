import { readFile, rm } from 'node:fs/promises';
import type { Clock, Logger } from '@edgeplane/base';
import { isThere } from '@edgeplane/base';
import { endProcesses, findProcesses, runCommand, runsProgram, until } from './commands.js';
import { unmountBelow } from './files.js';
import { type NetworkUse, staleRules } from './firewall.js';
import { applySteps, restoreFurniture } from './furniture.js';
import type { PodmanLayout } from './layout.js';
import { sweepNamespaces } from './namespaces.js';

/** One of our networks, with the bridge the kernel shows for it. */
export interface OwnNetwork extends NetworkUse {
  readonly bridge: string;
}

/** Where netavark's name server keeps one file for each network; the same for every podman of the host. */
const AARDVARK_DIR = '/run/containers/networks/aardvark-dns';

/** Removes what a killed podman left on the network side: namespaces, rules, bridges and name-server files of `networks`. */
export async function sweepNetworks(
  networks: readonly OwnNetwork[],
  liveNamespaces: ReadonlySet<string>,
  clock: Clock,
  logger: Logger,
): Promise<void> {
  await sweepNamespaces(
    networks.map((n) => n.bridge),
    liveNamespaces,
    clock,
    logger,
  );
  await sweepRules(networks, logger);
  let zones = false;
  for (const network of networks.filter((n) => n.liveIds.size === 0)) {
    await runCommand('ip', ['link', 'delete', network.bridge]);
    const gone = await rm(`${AARDVARK_DIR}/${network.name}`).then(
      () => true,
      () => false,
    );
    zones ||= gone;
  }
  if (zones) await reloadNameServer();
}

/** Removes the packet filter's rules that the networks no longer need. */
export async function sweepRules(networks: readonly NetworkUse[], logger: Logger): Promise<void> {
  await applySteps(staleRules((await runCommand('iptables-save', [])).stdout, networks), logger);
}

/** On SIGHUP the name server reads its files again, and ends when there are none. */
async function reloadNameServer(): Promise<void> {
  const pid = Number(await readFile(`${AARDVARK_DIR}/aardvark.pid`, 'utf8').catch(() => '0'));
  if (pid > 1 && (await runsProgram(pid, 'aardvark-dns'))) process.kill(pid, 'SIGHUP');
}

/**
 * What is left of containers whose podman was killed during their start, or that podman has removed since. Its record
 * says that they never started, so it does not reach the conmon, which holds their ports, nor the runtime's state and
 * waiting init process. Only for containers that do not run.
 */
export async function sweepRuntime(runtime: string, ids: readonly string[], clock: Clock): Promise<void> {
  if (ids.length === 0) return;
  const known = new Set(ids);
  const monitors = await findProcesses((argv) => {
    const id = argv[argv.indexOf('-c') + 1];
    return argv.includes('--exit-dir') && id !== undefined && known.has(id);
  });
  await endProcesses(monitors, 500, clock);
  for (const id of ids) {
    const kept = await isThere(`/run/${runtime}/${id}`);
    if (kept) await runCommand(runtime, ['delete', '--force', id]);
  }
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
  await restoreFurniture(layout, logger);
}
