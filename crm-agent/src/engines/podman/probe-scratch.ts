import { mkdir, rm } from 'node:fs/promises';
import type { Logger } from '@edgeplane/base';
import { addressPrefixes, claimPlace } from './address-place.js';
import { type CommandResult, runCommand } from './commands.js';
import { replaceFile, unmountBelow } from './files.js';
import type { PodmanLayout } from './layout.js';
import { containersConf, globalFlags, type PodmanSettings, podmanEnv, storageConf } from './settings.js';

export const PROBE_IMAGE = 'localhost/edgeplane/probe:1';

/** A podman below directories of its own, for one probe. */
export interface Scratch {
  readonly layout: PodmanLayout;
  podman(settings: PodmanSettings, args: readonly string[]): Promise<CommandResult>;
}

export function makeScratch(layout: PodmanLayout, signal?: AbortSignal): Scratch {
  return {
    layout,
    async podman(settings, args) {
      await mkdir(layout.scratchDir, { recursive: true });
      await mkdir(layout.networkDir, { recursive: true });
      await replaceFile(
        layout.containersConf,
        containersConf(layout, settings, addressPrefixes(await claimPlace(layout))),
      );
      await replaceFile(layout.storageConf, storageConf(layout, settings));
      return runCommand('podman', [...globalFlags(layout, settings), ...args], {
        env: podmanEnv(layout),
        timeoutMs: 60_000,
        ...(signal === undefined ? {} : { signal }),
      });
    },
  };
}

export async function clearScratch(layout: PodmanLayout, logger: Logger): Promise<void> {
  await unmountBelow([layout.stateDir, layout.runDir], logger);
  await rm(layout.stateDir, { recursive: true, force: true });
  await rm(layout.runDir, { recursive: true, force: true });
}
