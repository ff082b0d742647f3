import { mkdir, readFile, rm } from 'node:fs/promises';
import { fail, type Logger } from '@edgeplane/base';
import { isAlive, type ProcessId, processId } from './commands.js';
import { podmanErrors } from './errors.js';
import { replaceFile, unmountBelow } from './files.js';
import { noteFurniture } from './furniture.js';
import type { PodmanLayout } from './layout.js';

/**
 * Makes this process the owner of the directories and readies them. One agent for each state directory; the lock of a
 * process that is gone does not count. Comes before anything else that runs podman, so that what it notes of the host is from before.
 */
export async function claimStateDir(layout: PodmanLayout, logger: Logger): Promise<void> {
  await mkdir(layout.stateDir, { recursive: true, mode: 0o700 });
  const text = await readFile(layout.lockFile, 'utf8').catch(() => undefined);
  const holder = text === undefined ? undefined : (JSON.parse(text) as ProcessId);
  if (holder && (await isAlive(holder))) {
    throw fail(podmanErrors.PODMAN_STATE_IN_USE, { dir: layout.stateDir, pid: holder.pid });
  }
  await replaceFile(layout.lockFile, JSON.stringify(await processId(process.pid)));
  await forgetOtherBoot(layout, logger);
  // What loads that were cut off have left there.
  await rm(layout.scratchDir, { recursive: true, force: true });
  for (const dir of [layout.runDir, layout.tmpDir, layout.networkDir, layout.scratchDir]) {
    await mkdir(dir, { recursive: true, mode: 0o700 });
  }
  await noteFurniture(layout);
}

/** For the holder only. */
export async function releaseStateDir(layout: PodmanLayout): Promise<void> {
  await rm(layout.lockFile, { force: true });
}

/**
 * Podman recognises a reboot by an empty run directory. Where that is not a tmpfs, we empty it. Podman then believes that
 * nothing is mounted, so what a host that only ended its processes left mounted has to go first: podman could not remove
 * a container under it.
 */
async function forgetOtherBoot(layout: PodmanLayout, logger: Logger): Promise<void> {
  const file = `${layout.runDir}/boot-id`;
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
  const known = await readFile(file, 'utf8').catch(() => undefined);
  if (known === boot) return;
  if (known !== undefined) {
    await unmountBelow([layout.runDir, layout.root], logger);
    await rm(layout.runDir, { recursive: true, force: true });
  }
  await replaceFile(file, boot);
}
