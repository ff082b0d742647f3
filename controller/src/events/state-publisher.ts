import { createHash } from 'node:crypto';
import { type Clock, type Logger, messageOf } from '@edgeplane/base';
import { type BusEvent, type BusMessage, type EventBus, reaches } from '@edgeplane/bus';
import type { ObjectOf } from '@edgeplane/objects';
import type { ObjectCache } from '@edgeplane/store';
import { decodeEvent, encodeEvent } from './event-json.js';
import { missedSteps, type States, type Told } from './missed-steps.js';
import type { StateStep } from './state-changes.js';

export interface StatePublisherOptions {
  readonly bus: EventBus;
  readonly controllers: ObjectCache<ObjectOf<'Controller'>>;
  /** What can be told of. */
  readonly sources: readonly States[];
  /** Revision up to which the sources are current. */
  readonly revision: () => number;
  readonly region: number;
  readonly ownAddress: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How much later than the one before it each controller tells what nobody has told, milliseconds. */
const TURN_MS = 1000;
/** Steps that wait for another controller, at most; beyond that they are told at once. */
const MOST_PENDING = 10_000;
const MOST_TOLD = 100_000;

interface Pending {
  readonly step: StateStep;
  readonly event: BusEvent;
  readonly cancel: () => void;
}

/**
 * Publishes every change of state once, although every controller sees all of them: the first of the registered
 * controllers does so at once, the others when they do not hear of it on the bus in their turn. What two of them publish
 * all the same has one id. What no controller lived to tell is told by those that start.
 */
export class StatePublisher {
  readonly #options: StatePublisherOptions;
  readonly #stopping = new AbortController();
  readonly #pending = new Map<string, Pending[]>();
  #pendingCount = 0;
  /** What was last heard of a subject. */
  readonly #told = new Map<string, Told>();
  #listening: Promise<void> | undefined;

  constructor(options: StatePublisherOptions) {
    this.#options = options;
  }

  /** Begins to listen to the others, where the bus has any. */
  start(): void {
    if (this.#options.bus.kind === 'nats') this.#listening = this.#listen();
  }

  take(step: StateStep): void {
    const { bus, region, clock, ownAddress } = this.#options;
    const subject = stateSubject(step.type, step.key);
    const event: BusEvent = {
      subject,
      id: `${subject}@${step.revision}`,
      order: step.revision,
      data: encodeEvent({
        version: 1,
        id: `${subject}@${step.revision}`,
        time: new Date(clock.now()).toISOString(),
        region,
        controller: ownAddress(),
        state: {
          type: step.type,
          key: step.key,
          from: step.from,
          to: step.to,
          revision: BigInt(step.revision),
        },
        audit: undefined,
      }),
    };
    const turn = bus.kind === 'nats' ? this.#turn() : 0;
    if (turn === 0 || this.#pendingCount >= MOST_PENDING) {
      bus.publish(event);
      return;
    }
    if (this.#isTold(step, subject)) return;
    const cancel = clock.after(turn * TURN_MS, () => this.#publishUpTo(subject, step.revision));
    const pending = this.#pending.get(subject) ?? [];
    this.#pending.set(subject, [...pending, { step, event, cancel }]);
    this.#pendingCount += 1;
  }

  /** Publishes what still waits for others, and ends. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const subject of [...this.#pending.keys()]) this.#publishUpTo(subject, Number.POSITIVE_INFINITY);
    await this.#listening;
  }

  /** How many registered controllers come before this one. */
  #turn(): number {
    const own = this.#options.ownAddress();
    let before = 0;
    for (const { key } of this.#options.controllers.values()) {
      // One that is not registered yet comes last, which is no harm: it has just started.
      if (key && key.addr !== own && (key.addr < own || own === '')) before += 1;
    }
    return before;
  }

  #isTold({ revision, to, gone }: StateStep, subject: string): boolean {
    const told = this.#told.get(subject);
    // Of an object that is gone, controllers may know different revisions.
    return told !== undefined && (told.order >= revision || (gone && told.to === to));
  }

  /** Takes out the steps of a subject that are `due`. */
  #take(subject: string, due: (pending: Pending) => boolean): Pending[] {
    const pending = this.#pending.get(subject) ?? [];
    const taken = pending.filter(due);
    const left = pending.filter((one) => !taken.includes(one));
    for (const { cancel } of taken) cancel();
    if (left.length > 0) this.#pending.set(subject, left);
    else this.#pending.delete(subject);
    this.#pendingCount -= taken.length;
    return taken;
  }

  #publishUpTo(subject: string, revision: number): void {
    for (const { event } of this.#take(subject, ({ step }) => step.revision <= revision)) {
      this.#options.bus.publish(event);
    }
  }

  /** Hears what was told so far, catches up on what was not, and goes on hearing. */
  async #listen(): Promise<void> {
    const { bus, sources, revision } = this.#options;
    const { signal } = this.#stopping;
    let end: string | undefined;
    let caughtUp = false;
    for await (const message of bus.subscribe('state.>', { from: 'oldest', signal })) {
      if (message.kind === 'event') this.#hear(message);
      if (caughtUp) continue;
      end ??= await newest(bus, signal);
      if (end === undefined || !reaches(message.position, end)) continue;
      caughtUp = true;
      for (const step of missedSteps([...this.#told.values()], sources, revision())) this.take(step);
    }
  }

  #hear({ subject, order, data }: BusMessage & { kind: 'event' }): void {
    if (order === undefined) return;
    try {
      const { type = '', key = '', to = '' } = decodeEvent(data).state ?? {};
      this.#told.delete(subject);
      this.#told.set(subject, { type, key, order, to });
    } catch (error) {
      this.#options.logger.warn({ subject, reason: messageOf(error) }, 'An event could not be read');
      return;
    }
    if (this.#told.size > MOST_TOLD) {
      const [oldest] = this.#told.keys();
      if (oldest !== undefined) this.#told.delete(oldest);
    }
    this.#take(subject, ({ step }) => this.#isTold(step, subject));
  }
}

/** Position of the newest event. */
async function newest(bus: EventBus, signal: AbortSignal): Promise<string | undefined> {
  for await (const { position } of bus.subscribe('state.>', { signal })) return position;
  return undefined;
}

/** Subject of the changes of one object: the key as the first 16 hex digits of its SHA-256. */
export function stateSubject(type: string, key: string): string {
  return `state.${type}.${createHash('sha256').update(key).digest('hex').slice(0, 16)}`;
}
