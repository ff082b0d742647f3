import type { NotifyLimits } from './limits.js';

const NO_KEYS: ReadonlySet<string> = new Set();

/** What one round of sending takes: per type the keys that changed, then the messages. */
export interface Round {
  readonly keys: readonly ReadonlySet<string>[];
  readonly messages: readonly Buffer[];
}

type OutboxLimits = Pick<NotifyLimits, 'maxDirtyKeys' | 'maxMessages' | 'maxMessageBytes'>;

/**
 * What waits to be sent to one peer: per type a set of changed keys, not their values, so that a slow peer costs one
 * entry per object however often it changes (controller spec section 17.3).
 */
export class Outbox {
  readonly #limits: OutboxLimits;
  readonly #keys: Set<string>[];
  #messages: Buffer[] = [];
  #messageBytes = 0;
  #size = 0;
  #wake: (() => void) | undefined;

  constructor(types: number, limits: OutboxLimits) {
    this.#keys = Array.from({ length: types }, () => new Set<string>());
    this.#limits = limits;
  }

  /** Changed keys waiting. */
  get size(): number {
    return this.#size;
  }

  get isEmpty(): boolean {
    return this.#size === 0 && this.#messages.length === 0;
  }

  /** Notes a change; false when that is more than may wait. */
  mark(type: number, keyJson: string): boolean {
    const keys = this.#keys[type];
    if (!keys || keys.has(keyJson)) return true;
    keys.add(keyJson);
    this.#size += 1;
    this.#wake?.();
    return this.#size <= this.#limits.maxDirtyKeys;
  }

  /** Queues a message; false when it was dropped because too many wait. */
  addMessage(frame: Buffer): boolean {
    const { maxMessages, maxMessageBytes } = this.#limits;
    if (this.#messages.length >= maxMessages) return false;
    if (this.#messages.length > 0 && this.#messageBytes + frame.length > maxMessageBytes) return false;
    this.#messages.push(frame);
    this.#messageBytes += frame.length;
    this.#wake?.();
    return true;
  }

  /** Whether the key changed again since the last {@link take}. */
  isMarked(type: number, keyJson: string): boolean {
    return this.#keys[type]?.has(keyJson) ?? false;
  }

  /** Takes everything, last type first, so that what a taken object depends on is never left behind. */
  take(): Round {
    const keys: ReadonlySet<string>[] = [];
    for (let type = this.#keys.length - 1; type >= 0; type--) {
      const marked = this.#keys[type];
      keys[type] = marked?.size ? marked : NO_KEYS;
      if (marked?.size) this.#keys[type] = new Set();
    }
    const messages = this.#messages;
    this.#messages = [];
    this.#messageBytes = 0;
    this.#size = 0;
    return { keys, messages };
  }

  /** Resolves when there is something to take, or `signal` aborts. */
  wait(signal: AbortSignal): Promise<void> {
    if (this.#size > 0 || this.#messages.length > 0 || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        this.#wake = undefined;
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
