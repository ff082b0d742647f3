/**
 * What services tell each other besides what is stored: events that can be read again from a position, and questions to
 * whoever listens. The conformance suite (`conformance.ts`) is the definition of every sentence here.
 *
 * The bus is never the system of record. When it is down, publishers go on: their events wait in bounded memory, and
 * what does not fit is counted, dropped and reported as a gap to every subscriber.
 */
export interface EventBus {
  readonly kind: 'memory' | 'nats';

  /**
   * Hands over an event and returns at once, whatever the state of the bus. Events of one subject are stored in the
   * order in which one bus got them. One whose id was stored within the last ten minutes is not stored again.
   * @throws EdgeplaneError BUS_SUBJECT
   */
  publish(event: BusEvent): void;

  /**
   * Events whose subject matches `pattern`, from `options.from` on, for as long as `options.signal` and the bus live.
   * The first message is a mark: what is stored from then on is delivered. A slow reader makes nobody wait; it reads
   * later, and is told when what it had not read is gone.
   * @throws EdgeplaneError BUS_SUBJECT, BUS_POSITION
   */
  subscribe(pattern: string, options?: SubscribeOptions): AsyncIterable<BusMessage>;

  /**
   * Asks everybody who answers `topic`, here and elsewhere, and gives the parts of their answers as they come until
   * `deadlineMs` has passed. There is no telling how many will answer: who knows leaves the loop.
   * @throws EdgeplaneError BUS_SUBJECT, BUS_TOO_LARGE, BUS_UNAVAILABLE out of the iteration
   */
  askAll(topic: string, request: Uint8Array, control: AskControl): AsyncIterable<Uint8Array>;

  /** Answers questions of a topic, until the returned function is called. @throws EdgeplaneError BUS_SUBJECT */
  answer(topic: string, handler: AnswerHandler): () => void;

  status(): BusStatus;

  /** Delivers what waits as far as that takes no longer than two seconds, and ends everything. */
  close(): Promise<void>;
}

export interface BusEvent {
  /** Tokens of letters, digits, `-` and `_`, joined by dots; the first one is a topic of the bus. */
  readonly subject: string;
  /** The same for the same event, whoever publishes it. */
  readonly id: string;
  /**
   * Place among the events of its subject, such as a store's revision: a subscription delivers only events of greater
   * order than the last one of that subject.
   */
  readonly order?: number | undefined;
  readonly data: Uint8Array;
}

export interface SubscribeOptions {
  /** What is new (default), the oldest that is kept, or what follows the position of an earlier message. */
  readonly from?: 'now' | 'oldest' | { readonly after: string } | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type BusMessage =
  | (BusEvent & { readonly kind: 'event'; readonly position: string })
  /** Nothing else that matches up to here. */
  | { readonly kind: 'mark'; readonly position: string }
  | Gap;

/** Events are missing before this position. */
export interface Gap {
  readonly kind: 'gap';
  readonly position: string;
  /**
   * `expired`: the limits of the bus removed them before they were read. `replaced`: the position is of a bus whose
   * events are gone; reading starts with the oldest. `unpublished`: a publisher dropped them while the bus was down.
   */
  readonly reason: 'expired' | 'replaced' | 'unpublished';
  /** How many of any subject; 0 when unknown. */
  readonly lost: number;
}

export interface AskControl {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Answers one question in any number of parts. `signal` aborts when the bus is closed. */
export type AnswerHandler = (
  request: Uint8Array,
  reply: (part: Uint8Array) => void,
  signal: AbortSignal,
) => Promise<void>;

export interface BusStatus {
  readonly connected: boolean;
  /** Events that wait to be stored. */
  readonly waiting: number;
  /** Events that this bus has stored, those stored before by others among them. */
  readonly stored: number;
  /** Events that were given up. */
  readonly dropped: number;
}

/** Largest event, question or part of an answer, bytes; a server of NATS takes 1 MiB with its headers. */
export const MAX_MESSAGE_BYTES = 768 * 1024;

/** What a bus keeps. */
export interface BusLimits {
  /** Events kept to be read again, at most. */
  readonly keepEvents: number;
  readonly keepBytes: number;
  readonly keepMs: number;
  /** How long an id is remembered. */
  readonly duplicateMs: number;
  /** Events that wait while the bus is down, at most. */
  readonly waitingEvents: number;
  readonly waitingBytes: number;
}

export const NATS_LIMITS: BusLimits = {
  keepEvents: 1_000_000,
  keepBytes: 512 * 1024 * 1024,
  keepMs: 72 * 3600_000,
  duplicateMs: 600_000,
  waitingEvents: 20_000,
  waitingBytes: 32 * 1024 * 1024,
};

export const MEMORY_LIMITS: BusLimits = {
  ...NATS_LIMITS,
  keepEvents: 20_000,
  keepBytes: 32 * 1024 * 1024,
};
