import {
  type Clock,
  deferred,
  fail,
  type Logger,
  messageOf,
  type Random,
  silentLogger,
  systemClock,
  systemRandom,
} from '@edgeplane/base';
import { Answers } from './answers.js';
import { Ascending } from './ascending.js';
import {
  type AnswerHandler,
  type AskControl,
  type BusEvent,
  type BusLimits,
  type BusMessage,
  type BusStatus,
  type EventBus,
  MAX_MESSAGE_BYTES,
  MEMORY_LIMITS,
  type SubscribeOptions,
} from './bus.js';
import { busErrors } from './errors.js';
import { readGap } from './gap-event.js';
import { MemoryLog } from './memory-log.js';
import { Outbox } from './outbox.js';
import { formatPosition, type Position, parsePosition } from './position.js';
import { checkSubject, subjectMatcher } from './subjects.js';

export interface MemoryHubOptions {
  readonly limits?: Partial<BusLimits>;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
}

interface Answerer {
  readonly topic: string;
  readonly handler: AnswerHandler;
  readonly bus: MemoryBus;
}

/**
 * A bus within one process. Several clients ({@link MemoryHub.connect}) stand for several processes; `setDown` takes the
 * bus away from all of them.
 */
export class MemoryHub {
  readonly limits: BusLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly answerers = new Set<Answerer>();
  log: MemoryLog;
  stream: string;
  #up = deferred();
  #down = false;
  #clients = 0;

  constructor(options: MemoryHubOptions = {}) {
    this.limits = { ...MEMORY_LIMITS, ...options.limits };
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? systemRandom;
    this.logger = options.logger ?? silentLogger;
    this.log = new MemoryLog(this.limits, this.clock);
    this.stream = this.#name();
    this.#up.resolve();
  }

  get down(): boolean {
    return this.#down;
  }

  get up(): Promise<void> {
    return this.#up.promise;
  }

  connect(): EventBus {
    this.#clients += 1;
    return new MemoryBus(this, `client${this.#clients}`);
  }

  setDown(down: boolean): void {
    if (down === this.#down) return;
    this.#down = down;
    if (down) this.#up = deferred();
    else this.#up.resolve();
    this.log.wake();
  }

  /** Loses all events, as a server does whose disk is replaced. */
  forget(): void {
    const old = this.log;
    this.log = new MemoryLog(this.limits, this.clock);
    this.stream = this.#name();
    old.wake();
  }

  #name(): string {
    return `m${Math.floor(this.random.next() * 36 ** 8).toString(36)}`;
  }
}

class MemoryBus implements EventBus {
  readonly kind = 'memory';
  readonly #hub: MemoryHub;
  readonly #outbox: Outbox;
  readonly #end = new AbortController();
  /** Events that did not have to wait. */
  #direct = 0;
  readonly #answering = new Set<Promise<void>>();

  constructor(hub: MemoryHub, publisher: string) {
    this.#hub = hub;
    const { clock, random, logger, limits } = hub;
    this.#outbox = new Outbox({
      publisher,
      limits,
      clock,
      random,
      logger,
      ready: (signal) => this.#ready(signal),
      send: async (event) => {
        if (hub.down) throw this.#unavailable();
        hub.log.append(event);
        return 'stored';
      },
    });
    this.#outbox.start();
  }

  publish(event: BusEvent): void {
    checkSubject(event.subject);
    const waits = this.#hub.down || this.#outbox.busy || event.data.byteLength > MAX_MESSAGE_BYTES;
    if (waits || this.#end.signal.aborted) this.#outbox.push(event);
    else {
      this.#hub.log.append(event);
      this.#direct += 1;
    }
  }

  subscribe(pattern: string, options: SubscribeOptions = {}): AsyncIterable<BusMessage> {
    const { from = 'now' } = options;
    const start = typeof from === 'object' ? parsePosition(from.after) : from;
    return this.#follow(subjectMatcher(pattern), start, options.signal);
  }

  async *askAll(topic: string, request: Uint8Array, control: AskControl): AsyncGenerator<Uint8Array> {
    checkSubject(topic);
    if (request.byteLength > MAX_MESSAGE_BYTES) {
      throw fail(busErrors.BUS_TOO_LARGE, { bytes: request.byteLength, limit: MAX_MESSAGE_BYTES });
    }
    if (this.#end.signal.aborted) throw fail(busErrors.BUS_CLOSED);
    if (this.#hub.down) throw this.#unavailable();
    const answers = new Answers();
    const end = () => answers.end(fail(busErrors.BUS_CLOSED));
    this.#end.signal.addEventListener('abort', end, { once: true });
    for (const answerer of this.#hub.answerers) {
      if (answerer.topic === topic) answerer.bus.#answer(answerer.handler, request, answers);
    }
    yield* answers.read(this.#hub.clock, control, () => this.#end.signal.removeEventListener('abort', end));
  }

  answer(topic: string, handler: AnswerHandler): () => void {
    checkSubject(topic);
    const answerer = { topic, handler, bus: this };
    this.#hub.answerers.add(answerer);
    return () => void this.#hub.answerers.delete(answerer);
  }

  status(): BusStatus {
    const { waiting, stored, dropped } = this.#outbox;
    return { connected: !this.#hub.down, waiting, stored: stored + this.#direct, dropped };
  }

  async close(): Promise<void> {
    await this.#outbox.stop(this.#hub.down ? 0 : 2000);
    this.#end.abort();
    for (const answerer of this.#hub.answerers) {
      if (answerer.bus === this) this.#hub.answerers.delete(answerer);
    }
    this.#hub.log.wake();
    await Promise.all(this.#answering);
  }

  #answer(handler: AnswerHandler, request: Uint8Array, answers: Answers): void {
    const reply = (part: Uint8Array) => {
      if (!this.#hub.down) answers.push(Uint8Array.from(part));
    };
    const work = Promise.resolve()
      .then(() => handler(Uint8Array.from(request), reply, this.#end.signal))
      .catch((error: unknown) => {
        this.#hub.logger.error({ reason: messageOf(error) }, 'Answering on the bus failed');
      })
      .finally(() => this.#answering.delete(work));
    this.#answering.add(work);
  }

  #unavailable() {
    return fail(busErrors.BUS_UNAVAILABLE, { bus: 'memory', reason: 'it is down' });
  }

  async #ready(signal: AbortSignal): Promise<void> {
    const stopped = deferred();
    const stop = () => stopped.reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    await Promise.race([this.#hub.up, stopped.promise]).finally(() =>
      signal.removeEventListener('abort', stop),
    );
  }

  async *#follow(
    matches: (subject: string) => boolean,
    start: 'now' | 'oldest' | Position,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<BusMessage> {
    const ascending = new Ascending();
    const wake = () => this.#hub.log.wake();
    signal?.addEventListener('abort', wake, { once: true });
    const ended = () => signal?.aborted || this.#end.signal.aborted;
    let at = typeof start === 'object' ? start : undefined;
    let marked: Position | undefined;
    try {
      while (!ended()) {
        const { log, stream } = this.#hub;
        const moved = log.moved;
        if (this.#hub.down) {
          await moved;
          continue;
        }
        at ??= { stream, seq: start === 'oldest' ? log.first - 1 : log.last };
        const gap = gapBefore(at, stream, log);
        if (gap) {
          at = gap.at;
          marked = undefined;
          yield { kind: 'gap', position: formatPosition(at), reason: gap.reason, lost: gap.lost };
          continue;
        }
        if (!marked) {
          marked = at;
          yield { kind: 'mark', position: formatPosition(at) };
          continue;
        }
        const events = log.read(at.seq + 1, 256);
        for (const event of events) {
          if (ended() || this.#hub.stream !== stream) break;
          at = { stream, seq: event.seq };
          const position = formatPosition(at);
          const said = readGap(event, position);
          if (said) yield said;
          else if (matches(event.subject) && ascending.passes(event)) {
            const { subject, id, order, data } = event;
            yield { kind: 'event', position, subject, id, order, data };
          } else continue;
          marked = at;
        }
        if (events.length > 0) continue;
        if (marked.seq !== at.seq) {
          marked = at;
          yield { kind: 'mark', position: formatPosition(at) };
          continue;
        }
        await moved;
      }
    } finally {
      signal?.removeEventListener('abort', wake);
    }
  }
}

/** What a reader that is at `at` has missed, and where it goes on. */
function gapBefore(
  at: Position,
  stream: string,
  log: MemoryLog,
): { readonly at: Position; readonly reason: 'expired' | 'replaced'; readonly lost: number } | undefined {
  const oldest = { stream, seq: log.first - 1 };
  if (at.stream !== stream || at.seq > log.last) return { at: oldest, reason: 'replaced', lost: 0 };
  if (at.seq < oldest.seq) return { at: oldest, reason: 'expired', lost: oldest.seq - at.seq };
  return undefined;
}
