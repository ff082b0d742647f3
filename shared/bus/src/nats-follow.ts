import { type Clock, type Logger, messageOf, sleep } from '@edgeplane/base';
import { AckPolicy, type ConsumerMessages, DeliverPolicy, type JsMsg, nanos, ReplayPolicy } from 'nats';
import { Ascending } from './ascending.js';
import type { BusEvent, BusMessage, Gap } from './bus.js';
import { readGap } from './gap-event.js';
import type { NatsLink, NatsSession } from './nats-link.js';
import { streamLife } from './nats-stream.js';
import { formatPosition, type Position } from './position.js';

/** Header that carries an event's order. */
export const ORDER_HEADER = 'Edgeplane-Order';
const ID_HEADER = 'Nats-Msg-Id';

/** Messages asked for at once: what a subscription holds in memory. */
const BATCH = 256;
/** How long a request for messages stays open, milliseconds. */
const OPEN_MS = 5000;
const CONSUMER_IDLE_MS = 60_000;

export interface FollowOptions {
  readonly link: NatsLink;
  readonly stream: string;
  /** What all subjects begin with on the server, with its dot. */
  readonly prefix: string;
  readonly matches: (subject: string) => boolean;
  readonly from: 'now' | 'oldest' | Position;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Reads a stream by its numbers. A consumer on the server is only a means: whenever there is doubt, after a reconnect or
 * when a number is missing, another one is made that starts after the last number that was read.
 */
export async function* follow(
  options: FollowOptions,
  signal: AbortSignal,
): AsyncGenerator<BusMessage, void, undefined> {
  const { link, clock, logger } = options;
  const reader = new Reader(options);
  while (!signal.aborted) {
    try {
      const session = await link.whenUp(signal);
      yield* reader.read(session, signal);
    } catch (error) {
      if (signal.aborted) return;
      logger.debug({ stream: options.stream, reason: messageOf(error) }, 'Reading events is tried again');
      await sleep(clock, 200, signal).catch(() => undefined);
    }
  }
}

class Reader {
  readonly #options: FollowOptions;
  readonly #ascending = new Ascending();
  #at: Position | undefined;
  /** Number of the last message that told the reader where it is. */
  #told = -1;

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  /** Reads with one consumer until there is doubt. */
  async *read(session: NatsSession, signal: AbortSignal): AsyncGenerator<BusMessage, void, undefined> {
    const { stream } = this.#options;
    const { at, gap } = await this.#start(session);
    this.#at = at;
    if (gap) yield gap;
    if (gap || this.#told < 0) yield this.#mark(at);
    const info = await session.manager.consumers.add(stream, {
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: at.seq + 1,
      replay_policy: ReplayPolicy.Instant,
      inactive_threshold: nanos(CONSUMER_IDLE_MS),
      mem_storage: true,
      num_replicas: 1,
    });
    try {
      const consumer = await session.jetstream.consumers.get(stream, info.name);
      let fresh = true;
      while (!signal.aborted) {
        const messages = await consumer.fetch({ max_messages: BATCH, expires: OPEN_MS });
        let seen = false;
        for await (const message of ending(messages, signal)) {
          seen = true;
          const result = this.#take(message, fresh);
          if (result === 'doubt') return;
          fresh = false;
          yield* result;
          if (signal.aborted) return;
        }
        const now = this.#at;
        if (seen && now && now.seq > this.#told) yield this.#mark(now);
        if (this.#options.link.session !== session) return;
        // A server that has forgotten the consumer, or its stream, says so here.
        if (!seen) {
          await consumer.info();
          const { at: here, gap: missing } = await this.#start(session);
          if (missing || here.stream !== now?.stream) return;
        }
      }
    } finally {
      if (this.#options.link.session === session) {
        await session.manager.consumers.delete(stream, info.name).catch(() => undefined);
      }
    }
  }

  /** Where to read from, and what is missing before that. */
  async #start(session: NatsSession): Promise<{ readonly at: Position; readonly gap?: Gap }> {
    const info = await session.manager.streams.info(this.#options.stream);
    const stream = streamLife(info);
    const { from } = this.#options;
    const { last_seq: last } = info.state;
    const oldest = { stream, seq: Math.max(info.state.first_seq, 1) - 1 };
    const at = this.#at ?? (typeof from === 'object' ? from : undefined);
    if (!at) return { at: from === 'oldest' ? oldest : { stream, seq: last } };
    const position = formatPosition(oldest);
    if (at.stream !== stream || at.seq > last) {
      return { at: oldest, gap: { kind: 'gap', position, reason: 'replaced', lost: 0 } };
    }
    if (at.seq < oldest.seq) {
      return { at: oldest, gap: { kind: 'gap', position, reason: 'expired', lost: oldest.seq - at.seq } };
    }
    return { at };
  }

  #mark(at: Position): BusMessage {
    this.#told = at.seq;
    return { kind: 'mark', position: formatPosition(at) };
  }

  /** What a message means to the reader; doubt when others should have come before it. */
  #take(message: JsMsg, fresh: boolean): BusMessage[] | 'doubt' {
    const { prefix, matches } = this.#options;
    const before = this.#at;
    if (!before || message.seq <= before.seq) return [];
    const out: BusMessage[] = [];
    const missing = message.seq - before.seq - 1;
    if (missing > 0) {
      // Only a consumer that starts right there can tell whether the others are gone or just did not arrive.
      if (!fresh) return 'doubt';
      const position = formatPosition({ ...before, seq: message.seq - 1 });
      out.push({ kind: 'gap', position, reason: 'expired', lost: missing });
    }
    const at = { stream: before.stream, seq: message.seq };
    this.#at = at;
    const position = formatPosition(at);
    const event = eventOf(message, prefix);
    const gap = readGap(event, position);
    if (gap) out.push(gap);
    else if (matches(event.subject) && this.#ascending.passes(event))
      out.push({ kind: 'event', position, ...event });
    if (out.length > 0) this.#told = at.seq;
    return out;
  }
}

function eventOf(message: JsMsg, prefix: string): BusEvent {
  const order = message.headers?.get(ORDER_HEADER) ?? '';
  return {
    subject: message.subject.slice(prefix.length),
    id: message.headers?.get(ID_HEADER) ?? '',
    order: order === '' ? undefined : Number(order),
    data: message.data,
  };
}

/** The messages of one request, cut off when `signal` aborts. */
async function* ending(messages: ConsumerMessages, signal: AbortSignal): AsyncGenerator<JsMsg> {
  const stop = () => messages.stop();
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  try {
    yield* messages;
  } finally {
    signal.removeEventListener('abort', stop);
    messages.stop();
  }
}
