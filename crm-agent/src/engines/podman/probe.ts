import { copyFile, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, fail, type Logger, silentLogger } from '@edgeplane/base';
import { type CommandResult, findProgram, lastLine, runCommand } from './commands.js';
import { podmanErrors } from './errors.js';
import { replaceFile, unmountBelow } from './files.js';
import { type PodmanLayout, podmanLayout } from './layout.js';
import { probeBridge, probeSlirp } from './probe-network.js';
import { clearScratch, makeScratch, PROBE_IMAGE, type Scratch } from './probe-scratch.js';
import { hostFingerprint, staticBusybox } from './requirements.js';
import type { PodmanSettings } from './settings.js';

export interface ProbeResult {
  readonly settings: PodmanSettings;
  /** One line for each thing that was tried and did not work. */
  readonly refused: readonly string[];
}

export interface ProbeOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

/** Raise when the probe asks other questions, so that remembered answers are not used. */
const REVISION = 1;

/**
 * Finds settings that work by running containers, cheapest and best first: storage, then runtime with resource limits, then
 * published ports. The answer is kept until the next boot or change of version.
 */
export async function probePodman(layout: PodmanLayout, options: ProbeOptions): Promise<ProbeResult> {
  const fingerprint = `${REVISION}\n${await hostFingerprint()}`;
  const kept = await readKept(layout.probeFile, fingerprint);
  if (kept) return kept;
  const scratch = makeScratch(
    podmanLayout(join(layout.stateDir, 'probe'), join(layout.runDir, 'p')),
    options.signal,
  );
  await clearScratch(scratch.layout, options.logger);
  try {
    const result = await search(layout, scratch, options);
    await replaceFile(layout.probeFile, `${JSON.stringify({ fingerprint, ...result }, null, 2)}\n`);
    options.logger.info(result, 'Podman set-up chosen by running containers');
    return result;
  } finally {
    await clearScratch(scratch.layout, options.logger);
  }
}

async function readKept(path: string, fingerprint: string): Promise<ProbeResult | undefined> {
  try {
    const kept = JSON.parse(await readFile(path, 'utf8')) as ProbeResult & { fingerprint: string };
    return kept.fingerprint === fingerprint ? { settings: kept.settings, refused: kept.refused } : undefined;
  } catch {
    return undefined;
  }
}

type Storage = Pick<PodmanSettings, 'storageDriver' | 'mountProgram'>;

/** Every combination worth trying, best first. */
export function runCandidates(
  storage: Storage,
  have: { crun: boolean; runc: boolean; systemd: boolean; nofile: string; nproc: string },
): PodmanSettings[] {
  const runtimes = (['crun', 'runc'] as const).filter((name) => have[name]);
  const own = [`nofile=${have.nofile}:${have.nofile}`, `nproc=${have.nproc}:${have.nproc}`];
  const ulimits = [[], own, ['nofile=1024:1024', 'nproc=1024:1024']];
  const managers = have.systemd ? (['cgroupfs', 'systemd'] as const) : (['cgroupfs'] as const);
  const candidates: PodmanSettings[] = [];
  for (const limits of [true, false]) {
    for (const cgroupManager of managers) {
      for (const runtime of runtimes) {
        for (const set of ulimits) {
          candidates.push({ ...storage, runtime, cgroupManager, ulimits: set, limits, network: 'bridge' });
        }
      }
    }
  }
  return candidates;
}

export const LIMIT_FLAGS = ['--memory', '64m', '--cpus', '0.5', '--pids-limit', '64'];

async function search(layout: PodmanLayout, scratch: Scratch, options: ProbeOptions): Promise<ProbeResult> {
  const refused: string[] = [];
  const note = (what: string, result: CommandResult) =>
    refused.push(`${what}: ${lastLine(result.stderr) || `exit status ${result.code}`}`);
  const storage = await searchStorage(scratch, await existingDriver(layout), note);
  if (!storage) throw noSetup(refused);
  const candidates = runCandidates(storage, {
    crun: (await findProgram('crun')) !== undefined,
    runc: (await findProgram('runc')) !== undefined,
    systemd: await readFile('/run/systemd/private', 'utf8').then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code === 'ENXIO',
    ),
    ...(await hardLimits()),
  });
  for (const settings of candidates) {
    const args = ['run', '--rm', '--network', 'none', ...(settings.limits ? LIMIT_FLAGS : [])];
    const result = await scratch.podman(settings, [...args, PROBE_IMAGE, '/busybox', 'true']);
    if (result.code !== 0) {
      const ulimits = settings.ulimits.join(' ') || 'default ulimits';
      note(`${settings.runtime}, ${settings.cgroupManager}, ${ulimits}, limits ${settings.limits}`, result);
      continue;
    }
    for (const [network, probe] of [
      ['bridge', probeBridge],
      ['slirp4netns', probeSlirp],
    ] as const) {
      const why = await probe(scratch, { ...settings, network }, options);
      if (why === undefined) return { settings: { ...settings, network }, refused };
      refused.push(`${network}: ${why}`);
    }
    throw noSetup(refused);
  }
  throw noSetup(refused);
}

const noSetup = (refused: readonly string[]) =>
  fail(podmanErrors.PODMAN_NO_WORKING_SETUP, { reasons: refused.join('; ') });

/** The driver of images and containers that are here already: another one would not find them. */
async function existingDriver(layout: PodmanLayout): Promise<PodmanSettings['storageDriver'] | undefined> {
  const names = await readdir(layout.root).catch((): string[] => []);
  const has = (driver: string) => names.includes(`${driver}-layers`);
  return (['overlay', 'vfs'] as const).find(has);
}

/** The first storage driver that takes an image and can mount it; `only` that one if given. */
async function searchStorage(
  scratch: Scratch,
  only: PodmanSettings['storageDriver'] | undefined,
  note: (what: string, result: CommandResult) => void,
): Promise<Storage | undefined> {
  const fuse = await findProgram('fuse-overlayfs');
  const drivers: Storage[] = [
    { storageDriver: 'overlay' },
    ...(fuse === undefined ? [] : [{ storageDriver: 'overlay' as const, mountProgram: fuse }]),
    { storageDriver: 'vfs' },
  ];
  const archive = await probeArchive(scratch.layout);
  for (const storage of drivers.filter((d) => only === undefined || d.storageDriver === only)) {
    const settings: PodmanSettings = {
      ...storage,
      runtime: 'runc',
      cgroupManager: 'cgroupfs',
      ulimits: [],
      limits: false,
      network: 'bridge',
    };
    const steps = [
      ['import', archive, PROBE_IMAGE],
      ['create', '--name', 'mounted', '--network', 'none', PROBE_IMAGE, '/busybox'],
      ['mount', 'mounted'],
      ['rm', '-f', 'mounted'],
    ];
    let failed: CommandResult | undefined;
    for (const step of steps) {
      const result = await scratch.podman(settings, step);
      if (result.code !== 0) failed ??= result;
      if (failed) break;
    }
    if (!failed) return storage;
    note(`storage ${storage.storageDriver}${storage.mountProgram ? ' with FUSE' : ''}`, failed);
    await unmountBelow([scratch.layout.root], silentLogger);
    await rm(scratch.layout.root, { recursive: true, force: true });
  }
  return undefined;
}

/** An image of one file. */
async function probeArchive(layout: PodmanLayout): Promise<string> {
  const source = await staticBusybox();
  if (source === undefined) {
    throw fail(podmanErrors.PODMAN_NOT_INSTALLED, { packages: 'busybox-static', reason: '' });
  }
  const dir = join(layout.stateDir, 'image');
  const archive = join(layout.stateDir, 'image.tar');
  await mkdir(dir, { recursive: true });
  await copyFile(source, join(dir, 'busybox'));
  await runCommand('tar', ['-C', dir, '-cf', archive, 'busybox']);
  return archive;
}

/** This process's hard limits: containers cannot get more without CAP_SYS_RESOURCE. */
async function hardLimits(): Promise<{ nofile: string; nproc: string }> {
  const text = await readFile('/proc/self/limits', 'utf8');
  const hard = (label: string) => new RegExp(`^${label}\\s+\\S+\\s+(\\d+)`, 'm').exec(text)?.[1] ?? '1024';
  return { nofile: hard('Max open files'), nproc: hard('Max processes') };
}
