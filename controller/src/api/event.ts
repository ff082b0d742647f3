import { messageOf } from '@edgeplane/base';
import type { BusMessage } from '@edgeplane/bus';
import type { EventApiService, EventNotice } from '@edgeplane/proto/edgeplane/bus.js';
import { type ServiceHandlers, serverStream } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import { decodeEvent } from '../events/event-json.js';

/** Follows the events of this controller's bus: of the region with NATS, of this process without. */
export function eventApi({
  bus,
  logger,
  stopping,
}: ControllerContext): ServiceHandlers<typeof EventApiService> {
  return {
    showEvents: serverStream(async ({ subject, from }, send, { signal }) => {
      const start = from === '' ? 'now' : from === 'now' || from === 'oldest' ? from : { after: from };
      const ending = AbortSignal.any([signal, stopping]);
      for await (const message of bus.subscribe(subject || '>', { from: start, signal: ending })) {
        const notice = noticeOf(message, (error) =>
          logger.warn({ position: message.position, reason: messageOf(error) }, 'An event could not be read'),
        );
        await send(notice);
      }
    }),
  };
}

function noticeOf(message: BusMessage, unreadable: (error: unknown) => void): EventNotice {
  const notice = { position: message.position, subject: '', event: undefined, gap: '', lost: 0n };
  if (message.kind === 'mark') return notice;
  if (message.kind === 'gap') return { ...notice, gap: message.reason, lost: BigInt(message.lost) };
  try {
    return { ...notice, subject: message.subject, event: decodeEvent(message.data) };
  } catch (error) {
    unreadable(error);
    return { ...notice, subject: message.subject };
  }
}
