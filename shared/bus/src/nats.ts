import { fail, messageOf } from '@edgeplane/base';
import { createInbox, headers, type Msg, NatsError, type Subscription } from 'nats';
import { Answers } from './answers.js';
import {
  type AnswerHandler,
  type AskControl,
  type BusEvent,
  type BusLimits,
  type BusMessage,
  type BusStatus,
  type EventBus,
  MAX_MESSAGE_BYTES,
  NATS_LIMITS,
  type SubscribeOptions,
} from './bus.js';
import { busErrors } from './errors.js';
import { GAP_TOPIC } from './gap-event.js';
import { follow, ORDER_HEADER } from './nats-follow.js';
import { NatsLink, type NatsLinkOptions, type NatsSession } from './nats-link.js';
import { ensureStream } from './nats-stream.js';
import { Outbox, type Sent } from './outbox.js';
import { parsePosition } from './position.js';
import { checkSubject, subjectMatcher } from './subjects.js';

export interface NatsBusOptions extends NatsLinkOptions {
  /** First tokens of all subjects on the server, such as `edgeplane.1`. */
  readonly prefix: string;
  /** First tokens, after the prefix, of the subjects of events. */
  readonly topics: readonly string[];
  /** Names this publisher in gap events; differs between processes and between their lives. */
  readonly publisher: string;
  readonly limits?: Partial<BusLimits>;
}

/** How long a closing bus may take to store what waits, milliseconds. */
const CLOSE_MS = 2000;

interface Answerer {
  readonly topic: string;
  readonly handler: AnswerHandler;
}

/**
 * The bus over NATS. Events are in one JetStream stream per prefix, named after it (`edgeplane.1` is `EDGEPLANE_1`);
 * questions are plain requests below `<prefix>.ask`.
 */
export class NatsBus implements EventBus {
  readonly kind = 'nats';
  readonly #options: NatsBusOptions;
  readonly #limits: BusLimits;
  readonly #stream: string;
  readonly #link: NatsLink;
  readonly #outbox: Outbox;
  readonly #end = new AbortController();
  readonly #answerers = new Set<Answerer>();
  readonly #answering = new Set<Promise<void>>();
  #subscriptions: { session: NatsSession; bySubject: Map<Answerer, Subscription> } | undefined;

  /** Begins to connect; nothing waits for it. */
  constructor(options: NatsBusOptions) {
    this.#options = options;
    this.#limits = { ...NATS_LIMITS, ...options.limits };
    this.#stream = options.prefix.toUpperCase().replaceAll('.', '_');
    const subjects = [...options.topics, GAP_TOPIC].map((topic) => `${options.prefix}.${topic}.>`);
    this.#link = new NatsLink(options, async (session) => {
      this.#listen(session);
      await ensureStream(session, this.#stream, subjects, this.#limits);
    });
    const { publisher, clock, random, logger } = options;
    this.#outbox = new Outbox({
      publisher,
      limits: this.#limits,
      clock,
      random,
      logger,
      ready: async (signal) => void (await this.#link.whenUp(signal)),
      send: (event) => this.#send(event),
    });
    this.#outbox.start();
  }

  publish(event: BusEvent): void {
    checkSubject(event.subject);
    this.#outbox.push(event);
  }

  subscribe(pattern: string, options: SubscribeOptions = {}): AsyncIterable<BusMessage> {
    const { from = 'now', signal } = options;
    const { clock, logger, prefix } = this.#options;
    const ending = signal ? AbortSignal.any([signal, this.#end.signal]) : this.#end.signal;
    return follow(
      {
        link: this.#link,
        stream: this.#stream,
        prefix: `${prefix}.`,
        matches: subjectMatcher(pattern),
        from: typeof from === 'object' ? parsePosition(from.after) : from,
        clock,
        logger,
      },
      ending,
    );
  }

  async *askAll(topic: string, request: Uint8Array, control: AskControl): AsyncGenerator<Uint8Array> {
    checkSubject(topic);
    if (request.byteLength > MAX_MESSAGE_BYTES) {
      throw fail(busErrors.BUS_TOO_LARGE, { bytes: request.byteLength, limit: MAX_MESSAGE_BYTES });
    }
    if (this.#end.signal.aborted) throw fail(busErrors.BUS_CLOSED);
    const session = this.#link.session;
    if (!session) throw this.#link.unavailable();
    const answers = new Answers();
    const inbox = createInbox();
    const subscription = session.connection.subscribe(inbox, {
      callback: (error, message) => {
        // "No responders": an answer without data, which is no answer.
        if (!error && !message.headers?.hasError) answers.push(message.data);
      },
    });
    const end = () => answers.end(fail(busErrors.BUS_CLOSED));
    this.#end.signal.addEventListener('abort', end, { once: true });
    session.connection.publish(this.#askSubject(topic), request, { reply: inbox });
    yield* answers.read(this.#options.clock, control, () => {
      this.#end.signal.removeEventListener('abort', end);
      subscription.unsubscribe();
    });
  }

  answer(topic: string, handler: AnswerHandler): () => void {
    checkSubject(topic);
    const answerer = { topic, handler };
    this.#answerers.add(answerer);
    if (this.#subscriptions) this.#listen(this.#subscriptions.session);
    return () => {
      this.#answerers.delete(answerer);
      this.#subscriptions?.bySubject.get(answerer)?.unsubscribe();
      this.#subscriptions?.bySubject.delete(answerer);
    };
  }

  status(): BusStatus {
    const { waiting, stored, dropped } = this.#outbox;
    return { connected: this.#link.session !== undefined, waiting, stored, dropped };
  }

  async close(): Promise<void> {
    await this.#outbox.stop(this.#link.session ? CLOSE_MS : 0);
    this.#end.abort(fail(busErrors.BUS_CLOSED));
    await this.#link.close();
    await Promise.all(this.#answering);
  }

  #askSubject(topic: string): string {
    return `${this.#options.prefix}.ask.${topic}`;
  }

  /** The client library takes subscriptions along when it reconnects; only another connection needs them again. */
  #listen(session: NatsSession): void {
    if (this.#subscriptions?.session.connection !== session.connection) {
      this.#subscriptions = { session, bySubject: new Map() };
    }
    const { bySubject } = this.#subscriptions;
    for (const answerer of this.#answerers) {
      if (bySubject.has(answerer)) continue;
      const callback = (error: NatsError | null, message: Msg) => {
        if (!error) this.#answer(answerer.handler, message);
      };
      bySubject.set(answerer, session.connection.subscribe(this.#askSubject(answerer.topic), { callback }));
    }
  }

  #answer(handler: AnswerHandler, message: Msg): void {
    const reply = (part: Uint8Array) => {
      if (this.#link.session) message.respond(part);
    };
    const work = Promise.resolve()
      .then(() => handler(message.data, reply, this.#end.signal))
      .catch((error: unknown) => {
        this.#options.logger.error({ reason: messageOf(error) }, 'Answering on the bus failed');
      })
      .finally(() => this.#answering.delete(work));
    this.#answering.add(work);
  }

  async #send(event: BusEvent): Promise<Sent> {
    const session = this.#link.session;
    if (!session) throw this.#link.unavailable();
    const meta = headers();
    if (event.order !== undefined) meta.set(ORDER_HEADER, String(event.order));
    try {
      await session.jetstream.publish(`${this.#options.prefix}.${event.subject}`, event.data, {
        msgID: event.id,
        headers: meta,
        expect: { streamName: this.#stream },
      });
      return 'stored';
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#options.logger.error({ subject: event.subject, reason: messageOf(error) }, 'Event refused');
      return 'refused';
    }
  }
}

/** Whether the server will say the same again: the message itself is what it does not take. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof NatsError)) return false;
  if (error.code === 'MAX_PAYLOAD_EXCEEDED') return true;
  // 10054: message size exceeds maximum allowed.
  return error.api_error?.err_code === 10054;
}
