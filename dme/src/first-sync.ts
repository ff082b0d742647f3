import type { Clock } from '@edgeplane/base';
import type { NotifyClient } from '@edgeplane/notify';

/** How long what a controller sends may take, milliseconds. */
const SENDING_MS = 30_000;

/**
 * Waits until a controller has sent everything, so that the first client is not told of a world that is gone, or of none. If
 * none is there within `connectMs`, that is not waited for.
 */
export async function firstSync(
  notify: Pick<NotifyClient, 'when'>,
  connectMs: number,
  clock: Clock,
): Promise<void> {
  const reached = (state: 'connected' | 'synced', ms: number): Promise<boolean> => {
    const late = new AbortController();
    const cancel = clock.after(ms, () => late.abort());
    return notify
      .when(state, late.signal)
      .then(
        () => true,
        () => false,
      )
      .finally(cancel);
  };
  if (await reached('connected', connectMs)) await reached('synced', SENDING_MS);
}
