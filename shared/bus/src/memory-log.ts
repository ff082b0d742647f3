import { type Clock, deferred } from '@edgeplane/base';
import type { BusEvent, BusLimits } from './bus.js';

export interface LoggedEvent extends BusEvent {
  readonly seq: number;
}

interface Kept {
  readonly event: LoggedEvent;
  readonly at: number;
}

/** The newest events, within limits, numbered from 1. */
export class MemoryLog {
  readonly #limits: BusLimits;
  readonly #clock: Clock;
  #kept: Kept[] = [];
  /** Index of the oldest event in `#kept`; what is before it goes when there is much of it. */
  #head = 0;
  #bytes = 0;
  #last = 0;
  readonly #ids = new Map<string, number>();
  #moved = deferred();

  constructor(limits: BusLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Number of the newest event; 0 when there was none. */
  get last(): number {
    return this.#last;
  }

  /** Number of the oldest event that is kept, or of the next one. */
  get first(): number {
    this.#trim(this.#clock.now());
    return this.#last - (this.#kept.length - this.#head) + 1;
  }

  /** Resolves with the next event. */
  get moved(): Promise<void> {
    return this.#moved.promise;
  }

  /** Wakes everybody who waits for `moved`. */
  wake(): void {
    const moved = this.#moved;
    this.#moved = deferred();
    moved.resolve();
  }

  append(event: BusEvent): void {
    const now = this.#clock.now();
    for (const [id, at] of this.#ids) {
      if (at > now - this.#limits.duplicateMs) break;
      this.#ids.delete(id);
    }
    if (this.#ids.has(event.id)) return;
    this.#ids.set(event.id, now);
    this.#last += 1;
    this.#kept.push({ event: { ...event, seq: this.#last }, at: now });
    this.#bytes += event.data.byteLength;
    this.#trim(now);
    this.wake();
  }

  /** Up to `limit` events from number `from` on; fewer when the first of them are gone, which `first` tells. */
  read(from: number, limit: number): LoggedEvent[] {
    const oldest = this.#last - (this.#kept.length - this.#head) + 1;
    const start = this.#head + Math.max(0, from - oldest);
    return this.#kept.slice(start, start + limit).map(({ event }) => event);
  }

  #trim(now: number): void {
    const { keepEvents, keepBytes, keepMs } = this.#limits;
    for (let kept = this.#kept[this.#head]; kept; kept = this.#kept[this.#head]) {
      const count = this.#kept.length - this.#head;
      if (count <= keepEvents && this.#bytes <= keepBytes && kept.at > now - keepMs) break;
      this.#bytes -= kept.event.data.byteLength;
      this.#head += 1;
    }
    if (this.#head > 1000 && this.#head * 2 > this.#kept.length) {
      this.#kept = this.#kept.slice(this.#head);
      this.#head = 0;
    }
  }
}
