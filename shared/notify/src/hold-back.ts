import { type Clock, fail } from '@edgeplane/base';
import { notifyErrors } from './errors.js';
import type { PeerInfo } from './types.js';
import { HOLD_BACK_MS, type Upstream } from './upstream.js';

/**
 * Of a relay: resolves when a session of version 1 may begin, because what it gets before it has reported anything is here.
 * @throws EdgeplaneError NOT_IN_STEP when that does not come, or the reason of one of the signals
 */
export async function holdBack(
  upstream: Upstream,
  peer: PeerInfo,
  clock: Clock,
  signals: readonly AbortSignal[],
): Promise<void> {
  const late = new AbortController();
  const cancel = clock.after(HOLD_BACK_MS, () =>
    late.abort(fail(notifyErrors.NOT_IN_STEP, { reason: 'what the peer wants has not come' })),
  );
  const whole = peer.filterCloudletKey ? [] : peer.wantObjs;
  try {
    await upstream.wantOnly(peer, { cloudlets: [], whole }, AbortSignal.any([late.signal, ...signals]));
  } catch (error) {
    upstream.unwant(peer, { cloudlets: [], whole });
    throw error;
  } finally {
    cancel();
  }
}
