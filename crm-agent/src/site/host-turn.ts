import { type Clock, isKind, sleep } from '@edgeplane/base';
import { agentErrors } from '../errors.js';
import { lockStateDir, type StateLock } from '../state-lock.js';

/** The turn in which a podman is opened: it tries out the host's network with things of fixed names. */
export const OPENING = '/run/edgeplane/opening';

/** How often a taken turn is asked for again, milliseconds. */
const POLL_MS = 100;
/** After this long the work is done without the turn: the holder hangs, and waiting for ever helps nobody. */
const LIMIT_MS = 180_000;

/**
 * Runs work that agents of one host must not do at the same time, one after another. `dir` names the kind of work; it
 * belongs to the host, not to one agent. A holder that was killed loses its turn.
 */
export async function hostTurn<T>(
  dir: string,
  clock: Clock,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const lock = await takeTurn(dir, clock, signal);
  try {
    return await work();
  } finally {
    await lock?.release();
  }
}

async function takeTurn(dir: string, clock: Clock, signal: AbortSignal): Promise<StateLock | undefined> {
  const deadline = clock.monotonic() + LIMIT_MS;
  while (clock.monotonic() < deadline) {
    try {
      return await lockStateDir(dir);
    } catch (error) {
      // Without the right to write there, the work itself will say what is wrong.
      if (!isKind(error, agentErrors.STATE_DIR_BUSY)) return undefined;
      await sleep(clock, POLL_MS, signal);
    }
  }
  return undefined;
}
