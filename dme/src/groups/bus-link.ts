import { createHash } from 'node:crypto';
import { type Logger, messageOf } from '@edgeplane/base';
import type { BusLimits, EventBus } from '@edgeplane/bus';
import { DlgDelivery } from '@edgeplane/proto/dme/dynamic-loc-group.js';
import type { GroupLink, GroupMessage } from './group-link.js';

/** First token of the subjects of group messages. */
export const GROUP_TOPIC = 'dlg';

/** Group messages are for those who listen now; what the bus keeps bridges a reconnect. */
export const GROUP_BUS_LIMITS: Partial<BusLimits> = {
  keepEvents: 10_000,
  keepBytes: 64 * 1024 * 1024,
  keepMs: 60_000,
  duplicateMs: 60_000,
  waitingEvents: 1000,
  waitingBytes: 8 * 1024 * 1024,
};

/** Groups that match engines share over a bus, in the order in which the bus got the messages. */
export class BusLink implements GroupLink {
  readonly #bus: EventBus;
  readonly #logger: Logger;
  readonly #end = new AbortController();
  #reading: Promise<void> = Promise.resolve();

  constructor(bus: EventBus, logger: Logger) {
    this.#bus = bus;
    this.#logger = logger;
  }

  start(deliver: (message: GroupMessage) => void): void {
    this.#reading = this.#read(deliver).catch((error: unknown) => {
      if (!this.#end.signal.aborted)
        this.#logger.error({ reason: messageOf(error) }, 'Group messages are not read any more');
    });
  }

  send({ channel, id, delivery }: GroupMessage): void {
    // What the subject is made of is anybody's text.
    const subject = `${GROUP_TOPIC}.${createHash('sha256').update(channel).digest('hex').slice(0, 32)}`;
    const name = Buffer.from(channel);
    const head = Buffer.alloc(4);
    head.writeUInt32BE(name.length);
    const data = Buffer.concat([head, name, DlgDelivery.encode(delivery).finish()]);
    this.#bus.publish({ subject, id, data });
  }

  async stop(): Promise<void> {
    this.#end.abort(new Error('the link is closed'));
    await this.#reading;
    await this.#bus.close();
  }

  async #read(deliver: (message: GroupMessage) => void): Promise<void> {
    const messages = this.#bus.subscribe(`${GROUP_TOPIC}.>`, { signal: this.#end.signal });
    for await (const message of messages) {
      if (message.kind === 'gap')
        this.#logger.warn({ reason: message.reason, lost: message.lost }, 'Group messages were lost');
      if (message.kind !== 'event') continue;
      const decoded = decode(message.data);
      if (decoded) deliver({ ...decoded, id: message.id });
      else this.#logger.warn({ subject: message.subject }, 'Group message that cannot be read');
    }
  }
}

function decode(data: Uint8Array): Pick<GroupMessage, 'channel' | 'delivery'> | undefined {
  try {
    const bytes = Buffer.from(data);
    const end = 4 + bytes.readUInt32BE(0);
    if (end > bytes.length) return undefined;
    return { channel: bytes.toString('utf8', 4, end), delivery: DlgDelivery.decode(bytes.subarray(end)) };
  } catch {
    return undefined;
  }
}
