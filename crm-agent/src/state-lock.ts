import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '@edgeplane/base';
import { identityOf, isAlive, type ProcessIdentity, toIdentity } from './engines/process/index.js';
import { agentErrors } from './errors.js';

/** Holds a state directory for this process. */
export interface StateLock {
  release(): Promise<void>;
}

/**
 * Takes a state directory, making it when needed. The lock names its holder by pid, start time and boot, so one left by
 * a killed agent does not stand in the way, and a reused pid does not look like its holder.
 * @throws STATE_DIR_BUSY when a live process holds it.
 */
export async function lockStateDir(dir: string): Promise<StateLock> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const self = await identityOf(process.pid);
  if (!self) throw new Error('this process has no /proc entry');
  const path = join(dir, 'agent.lock');
  // One process may ask twice at once, so its pid alone names neither the file nor the holder.
  const token = randomUUID();
  const mine = `${path}.${token}`;
  const text = JSON.stringify({ ...self, token });
  // A link appears whole or not at all, and never over an existing name.
  await writeFile(mine, text, { mode: 0o600 });
  try {
    while (!(await tryLink(mine, path))) await removeStale(dir, path, token);
  } finally {
    await rm(mine, { force: true });
  }
  return {
    async release() {
      if ((await readText(path)) === text) await rm(path, { force: true });
    },
  };
}

async function removeStale(dir: string, path: string, token: string): Promise<void> {
  const text = await readText(path);
  if (text === undefined) return;
  const holder = parseHolder(text);
  if (holder && (await isAlive(holder))) throw fail(agentErrors.STATE_DIR_BUSY, { dir, pid: holder.pid });
  const aside = `${path}.stale.${token}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  // Another agent may have replaced the stale lock between our look and our move: give it back.
  if ((await readText(aside)) !== text) await tryLink(aside, path);
  await rm(aside, { force: true });
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function parseHolder(text: string): ProcessIdentity | undefined {
  try {
    return toIdentity(JSON.parse(text));
  } catch {
    return undefined;
  }
}
