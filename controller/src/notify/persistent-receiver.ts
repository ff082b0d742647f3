import { Backoff, EdgeplaneError, messageOf, sleep } from '@edgeplane/base';
import type { Receiver } from '@edgeplane/notify';
import type { ControllerContext } from '../context.js';

const RETRY = { base: 100, max: 5000 };

/** Whether the store, not the report, is the reason. Handlers read before they write, so a repeat does no harm. */
function mayPass(error: unknown): boolean {
  return error instanceof EdgeplaneError && (error.status === 'UNAVAILABLE' || error.status === 'ABORTED');
}

/**
 * A receiver whose reports are not lost while the store is away: each is repeated until it is stored or the controller
 * stops. The agent sends a report once per connection, so nobody else would repeat it; meanwhile its session does not read
 * on, which holds the agent back instead of filling memory.
 */
export function persistent<T, K>(context: ControllerContext, receiver: Receiver<T, K>): Receiver<T, K> {
  const { type } = receiver;
  return {
    type,
    onUpdate: (object, peer, keyJson, received) =>
      insist(context, type.name, () => receiver.onUpdate(object, peer, keyJson, received)),
    onDelete: (key, keyJson, peer) => insist(context, type.name, () => receiver.onDelete(key, keyJson, peer)),
    onDisconnect: (peer) => insist(context, type.name, () => receiver.onDisconnect?.(peer)),
  };
}

/** Stores a report of a type, however often it takes. @throws what repeating does not help against */
export async function insist(
  { clock, random, logger, stopping }: ControllerContext,
  type: string,
  work: () => void | Promise<void>,
): Promise<void> {
  const backoff = new Backoff(RETRY, random);
  for (;;) {
    try {
      await work();
      return;
    } catch (error) {
      if (!mayPass(error) || stopping.aborted) throw error;
      logger.warn({ type, reason: messageOf(error) }, 'Report not stored yet');
      await sleep(clock, backoff.next(), stopping);
    }
  }
}
