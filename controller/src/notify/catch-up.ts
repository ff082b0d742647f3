import type { CatchUp } from '@edgeplane/notify';
import type { ControllerContext } from '../context.js';

/** How long a peer that has seen a later revision waits for it, milliseconds. */
const WAIT_MS = 5000;

/**
 * Waits until the caches have reached a revision that a peer has seen at another controller. When they have not in time, the
 * store is asked: only if it does not have the revision either has it gone back. A store that does not answer has not.
 */
export async function catchUp(
  { sync, clock, stopping }: Pick<ControllerContext, 'sync' | 'clock' | 'stopping'>,
  revision: number,
): Promise<CatchUp> {
  const reached = async (signal: AbortSignal): Promise<CatchUp> => {
    await sync.reached(revision, signal);
    return 'reached';
  };
  const stored = async (): Promise<CatchUp> =>
    (await sync.storedRevision()) < revision ? 'rewound' : 'behind';
  for (const ask of [reached, stored]) {
    const late = new AbortController();
    const cancel = clock.after(WAIT_MS, () => late.abort());
    const signal = AbortSignal.any([late.signal, stopping]);
    try {
      return await Promise.race([ask(signal), aborted(signal)]);
    } catch {
      // Not in time.
    } finally {
      cancel();
    }
  }
  return 'behind';
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = () => reject(new Error('not in time'));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}
