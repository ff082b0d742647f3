import { mkdir } from 'node:fs/promises';
import { fail, takeProcessLock } from '@edgeplane/base';
import { agentErrors } from './errors.js';

/** Holds a state directory for this process. */
export interface StateLock {
  release(): Promise<void>;
}

/**
 * Takes a state directory, making it when needed. A lock left by a killed agent does not stand in the way, and a reused
 * pid does not look like its holder.
 * @throws STATE_DIR_BUSY when a live process holds it.
 */
export async function lockStateDir(dir: string): Promise<StateLock> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const taken = takeProcessLock(dir);
  if ('heldBy' in taken) throw fail(agentErrors.STATE_DIR_BUSY, { dir, pid: taken.heldBy });
  return { release: async () => taken.release() };
}
