import { sleep, systemClock } from '@edgeplane/base';
import type { BusEvent, BusLimits, BusMessage, EventBus } from './bus.js';

/** A bus under test with what only its implementation can do to it. */
export interface BusSubject {
  /** Another client of the same bus, as another process would have; the subject closes it. */
  connect(): EventBus;
  /** Takes the bus away; `up` brings it back with what it had stored. */
  down(): Promise<void>;
  up(): Promise<void>;
  /** Brings it back without anything that it had stored. */
  upEmpty(): Promise<void>;
  cleanup(): Promise<void>;
}

/** Topics of events that a bus under test takes. */
export const TEST_TOPICS = ['state', 'audit'];

export type MakeBusSubject = (limits?: Partial<BusLimits>) => Promise<BusSubject>;
export type DefineTest = (name: string, body: () => Promise<void>) => void;

export function event(subject: string, order: number, text = `${subject}@${order}`): BusEvent {
  return { subject, id: `${subject}@${order}`, order, data: Buffer.from(text) };
}

export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  ms = 30_000,
): Promise<void> {
  const end = systemClock.monotonic() + ms;
  while (!(await condition())) {
    if (systemClock.monotonic() > end) throw new Error(`${what}: not within ${ms} ms`);
    await sleep(systemClock, 5);
  }
}

/** Reads a subscription in the background and keeps what comes. */
export class Listener {
  readonly messages: BusMessage[] = [];
  readonly #stop = new AbortController();
  readonly #reading: Promise<void>;

  constructor(
    bus: EventBus,
    pattern: string,
    from: 'now' | 'oldest' | { readonly after: string } = 'now',
    take: (message: BusMessage) => Promise<void> = async () => undefined,
  ) {
    this.#reading = (async () => {
      for await (const message of bus.subscribe(pattern, { from, signal: this.#stop.signal })) {
        this.messages.push(message);
        await take(message);
      }
    })();
  }

  /** Waits for the first mark: what is published from now on is heard. */
  async ready(): Promise<this> {
    await until('a subscription begins', () => this.messages.length > 0);
    return this;
  }

  /** Ids of the events, and gaps as `gap <reason> <lost>`. */
  get heard(): string[] {
    return this.messages.flatMap((m) =>
      m.kind === 'event' ? [m.id] : m.kind === 'gap' ? [`gap ${m.reason} ${m.lost}`] : [],
    );
  }

  get position(): string {
    return this.messages.at(-1)?.position ?? '';
  }

  async hears(count: number): Promise<string[]> {
    await until(`${count} messages (there are: ${this.heard.join(' ')})`, () => this.heard.length >= count);
    return this.heard;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#reading;
  }
}
