import { mkdir } from 'node:fs/promises';
import { type Clock, type Logger, type Random, takeProcessLock } from '@edgeplane/base';
import {
  fileDisk,
  type HeldBefore,
  heldBefore,
  type MirrorDisk,
  type NotifyClient,
  TableMirror,
} from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import type { DmeConfig } from './config.js';
import { mirroredTables, putMirrored } from './mirrored.js';
import type { AppTable } from './tables.js';

/** Objects of one line of the log: what takes longer would keep clients waiting. */
const LINE_OBJECTS = 200;

interface Parts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** What a match engine knows from its last life, and keeps for the next. */
export interface Remembered {
  /** For its notify client: only what differs is sent. */
  readonly held: readonly HeldBefore[];
  /** Keeps what is in the tables from here on. */
  follow(client: NotifyClient): void;
  stop(): Promise<void>;
}

/**
 * Fills the table with what was kept in the state folder, so that clients are answered before a controller is found; the rest
 * is the controller's. A match engine that cannot keep anything works without: of several with one folder the first keeps it.
 */
export async function remember(
  { stateDir, cloudletKey }: Pick<DmeConfig, 'stateDir' | 'cloudletKey'>,
  table: AppTable,
  parts: Parts,
  disk: MirrorDisk = fileDisk,
): Promise<Remembered | undefined> {
  if (stateDir === '') return undefined;
  const release = await take(stateDir, parts.logger);
  if (!release) return undefined;
  try {
    return await load(stateDir, cloudletKey, table, parts, disk, release);
  } catch (error) {
    // Whoever tries again, in this process or another, finds the folder free.
    release();
    throw error;
  }
}

async function load(
  dir: string,
  cloudletKey: DmeConfig['cloudletKey'],
  table: AppTable,
  parts: Parts,
  disk: MirrorDisk,
  release: () => void,
): Promise<Remembered> {
  const mirror = new TableMirror({
    ...{ dir, disk, lineObjects: LINE_OBJECTS, ...parts },
    cloudlet: OBJECTS.Cloudlet.keyJson(cloudletKey),
  });
  const tables = mirroredTables(table);
  const mirrored = await mirror.load(tables);
  for (const object of mirrored.objects) putMirrored(table, object);
  parts.logger.info({ apps: table.appCount, instances: table.instanceCount }, 'Remembered');
  return {
    held: heldBefore(mirrored, tables),
    follow: (client) => mirror.follow(tables, client),
    async stop() {
      try {
        await mirror.stop();
      } finally {
        release();
      }
    },
  };
}

/** Takes the folder; undefined, with a line in the log, when that cannot be. */
async function take(dir: string, logger: Logger): Promise<(() => void) | undefined> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const lock = takeProcessLock(dir);
    if (!('heldBy' in lock)) return () => lock.release();
    logger.warn({ dir, pid: lock.heldBy }, 'Tables are not kept: another match engine keeps its own there');
  } catch (error) {
    logger.error({ err: error, dir }, 'Tables are not kept: the folder cannot be used');
  }
  return undefined;
}
